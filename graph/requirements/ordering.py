"""The order of a document's blocks and requirements: a place among others, as a position.

All requirements of a document stand in one order, of which the order within a block is a part; so
do its blocks. Deleted rows keep their place in it, and come back to it when they are restored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from strawberry import UNSET

from auth.session import Transaction
from db.problem import Problem
from db.requirements.documents import Block
from db.requirements.requirements import Requirement
from graph.kit.items import Item
from graph.requirements.positions import Line, spaced

P = TypeVar("P", Block, Requirement)

PLACE = ("place_at",)
"""The argument that says where to."""

INSIDE: dict[type[Block | Requirement], str] = {Block: "parent_id", Requirement: "block_id"}
"""The column that names the block in which a row stands."""


@dataclass(frozen=True)
class Place:
    """Where a row is to go: a document, a block in it, and where among the others."""

    document_id: UUID | None = None
    """None: the document it is in."""
    inside: UUID | None = None
    """The block to stand in, or none."""
    inside_given: bool = False
    """Otherwise it stays in its block, unless it goes to another document."""
    after: UUID | None = None
    before: UUID | None = None
    first: bool = False

    @property
    def beside(self) -> UUID | None:
        """The neighbour that is named, if one is."""
        return self.after or self.before

    @property
    def beside_field(self) -> list[str]:
        """Where the client has named it."""
        return [*PLACE, "after" if self.after else "before"]


END = Place()
"""After all others."""


def place_of(model: type[Block | Requirement], place_at: Any) -> Place:
    """What the client says; INVALID when that is more than one place."""
    given = [name for name in ("after", "before", "first", "last") if getattr(place_at, name)]
    if len(given) > 1:
        message = "Give one place: after, before, first or last."
        raise Problem("INVALID", message, field=[*PLACE, given[1]])
    inside = getattr(place_at, INSIDE[model])
    return Place(
        document_id=place_at.document_id or None,
        inside=inside or None,
        inside_given=inside is not UNSET,
        after=place_at.after or None,
        before=place_at.before or None,
        first=place_at.first,
    )


async def put_at_end(transaction: Transaction, items: Sequence[Item]) -> None:
    """Give new rows that say no position one behind all others, in the order in which they come.

    They are of one model, and of any documents.
    """
    if all("position" in item.values for item in items):
        return
    rows = [item.row for item in items]
    documents = {row.document_id for row in rows}
    last = await transaction.last(type(rows[0]), "position", "document_id", documents)
    for item, row in zip(items, rows, strict=True):
        behind = last.get(row.document_id)
        if "position" not in item.values:
            row.position = 1.0 if behind is None else behind + 1
        last[row.document_id] = row.position if behind is None else max(behind, row.position)


@dataclass(frozen=True)
class Gap:
    """Room for rows between two others: their positions, and new ones of others that made room."""

    low: float | None
    high: float | None
    positions: Mapping[UUID, float]

    def holds(self, position: float) -> bool:
        """Whether a row at this position stands in the gap already."""
        return (
            spaced(self.low, position, 0) is not None and spaced(position, self.high, 0) is not None
        )


async def gap_at(
    transaction: Transaction, model: type[P], document_id: UUID, ids: Sequence[UUID], to: Place
) -> Gap:
    """Where these rows, in this order, go in the document; INVALID when the neighbour is not there.

    The caller has locked the document until the end of the transaction, so that moves take turns.
    """
    others = (model.document_id == document_id, model.id != ids[0])  # where there are more of them,
    # they come from another document
    low, high = await _neighbours(transaction, model, others, to)
    found = spaced(low, high, len(ids))
    if found is not None:
        return Gap(low, high, dict(zip(ids, found, strict=True)))
    rows = await transaction.values(model, ("id", "position"), *others, deleted=None)
    line = Line((id, position) for id, position in rows)
    return Gap(low, high, line.put(ids, place_in(line, to)))


def place_in(line: Line, to: Place) -> int:
    """How many rows come before the place."""
    if to.after:
        return line.place_of(to.after) + 1
    if to.before:
        return line.place_of(to.before)
    return 0 if to.first else len(line.keys)


async def _neighbours(
    transaction: Transaction, model: type[P], others: Sequence[Any], to: Place
) -> tuple[float | None, float | None]:
    """The positions on both sides of the place; None where nothing is."""
    named = to.beside
    if named is None:
        position = await _nearest(transaction, model, *others, down=not to.first)
        return (None, position) if to.first else (position, None)
    found = await transaction.find_all(model, *others, model.id == named, lock=False)
    if not found:
        message = "The neighbour is not in this document."
        raise Problem("INVALID", message, field=to.beside_field)
    (neighbour,) = found
    if to.inside_given and getattr(neighbour, INSIDE[model]) != to.inside:
        message = "The neighbour is not in this block."
        raise Problem("INVALID", message, field=to.beside_field)
    here = neighbour.position
    if to.after:
        beyond = (model.position > here) | ((model.position == here) & (model.id > named))
    else:
        beyond = (model.position < here) | ((model.position == here) & (model.id < named))
    position = await _nearest(transaction, model, *others, beyond, down=not to.after)
    return (here, position) if to.after else (position, here)


async def _nearest(
    transaction: Transaction, model: type[P], *where: Any, down: bool
) -> float | None:
    """The position of the first of these rows, deleted ones too; `down` that of the last."""
    order = (model.position.desc(), model.id.desc()) if down else (model.position, model.id)
    rows = await transaction.values(
        model, ("position",), *where, order=order, limit=1, deleted=None
    )
    return rows[0][0] if rows else None
