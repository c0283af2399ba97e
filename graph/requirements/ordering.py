"""The order of a document's blocks and requirements: a place among others, as a position.

All requirements of a document stand in one order, of which the order within a block is a part; so
do its blocks. Deleted rows keep their place in it, and come back to it when they are restored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from strawberry import UNSET

from auth.session import Transaction
from db.problem import Problem
from db.requirements.documents import Block
from db.requirements.requirements import Requirement
from graph.kit.items import Item

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


def elsewhere(field: Sequence[str]) -> Problem:
    """The block named in this field is in another document than the row."""
    return Problem("INVALID", "The block is in another document.", field=field)


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
