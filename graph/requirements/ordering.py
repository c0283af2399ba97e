"""The order of a document's blocks and requirements: doubles, moved between their neighbours.

All requirements of a document stand in one order, of which the order within a block is a part.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Any, TypeVar
from uuid import UUID

from auth.session import Transaction
from db.problem import Problem
from db.requirements.documents import Block
from db.requirements.requirements import Requirement

P = TypeVar("P", Block, Requirement)

PLACE = ("place_at",)
"""The argument that says where to."""


async def at_end(transaction: Transaction, model: type[P], document_id: UUID) -> float:
    """A position after all others."""
    last = await _nearest(transaction, model, model.document_id == document_id, down=True)
    return last.position + 1 if last else 1.0


async def place(
    transaction: Transaction,
    row: P,
    document_id: UUID,
    *,
    after: UUID | None = None,
    before: UUID | None = None,
    first: bool = False,
    last: bool = False,
) -> float:
    """The position that puts the row where it is wanted in the document; last unless said.

    The caller has locked the document until the end of the transaction, so that moves take turns.
    Where no number is left between the neighbours, the others are numbered anew.
    """
    wanted = {"after": after, "before": before, "first": first, "last": last}
    given = [name for name, value in wanted.items() if value]
    if len(given) > 1:
        message = "Give one place: after, before, first or last."
        raise Problem("INVALID", message, field=[*PLACE, given[1]])
    model = type(row)
    others = (model.document_id == document_id, model.id != row.id)
    position = _between(*await _neighbours(transaction, model, others, after, before, first=first))
    if position is None:
        rows = await transaction.find_all(model, *others)
        rows.sort(key=lambda other: (other.position, other.id))
        for number, other in enumerate(rows, start=1):
            transaction.change(other, None, position=float(number))
        low, high = await _neighbours(transaction, model, others, after, before, first=first)
        position = _between(low, high)
    assert position is not None  # noqa: S101 (between whole numbers there is one)
    return position


async def _neighbours(
    transaction: Transaction,
    model: type[P],
    others: Sequence[Any],
    after: UUID | None,
    before: UUID | None,
    *,
    first: bool,
) -> tuple[float | None, float | None]:
    """The positions on both sides of the place; None where nothing is."""
    named = after or before
    if named is None:
        end = await _nearest(transaction, model, *others, down=not first)
        position = end.position if end else None
        return (None, position) if first else (position, None)
    found = await transaction.find_all(model, *others, model.id == named, lock=False)
    if not found:
        message = "The neighbour is not in this document."
        raise Problem("INVALID", message, field=[*PLACE, "after" if after else "before"])
    (neighbour,) = found
    here = neighbour.position
    if after:
        beyond = (model.position > here) | ((model.position == here) & (model.id > named))
    else:
        beyond = (model.position < here) | ((model.position == here) & (model.id < named))
    other = await _nearest(transaction, model, *others, beyond, down=not after)
    position = other.position if other else None
    return (here, position) if after else (position, here)


async def _nearest(transaction: Transaction, model: type[P], *where: Any, down: bool) -> P | None:
    """The first of these rows, in the order of the document; `down` the last."""
    order = (model.position.desc(), model.id.desc()) if down else (model.position, model.id)
    rows = await transaction.find_all(model, *where, order=order, limit=1, lock=False)
    return rows[0] if rows else None


def _between(low: float | None, high: float | None) -> float | None:
    """A number between these two, or None where doubles have none."""
    if low is None:
        position = 1.0 if high is None else high - 1
    elif high is None:
        position = low + 1
    else:
        position = low / 2 + high / 2  # their sum might be infinite
    above = isfinite(position) and (low is None or low < position)
    return position if above and (high is None or position < high) else None
