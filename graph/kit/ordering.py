"""The order of rows with a position: places as inputs, and new rows at the end.

Rows of a model with `ordered_in` among its traits stand in one order in each container, such as the
blocks of a document, of which the order inside a block is a part. Deleted rows keep their place in
it, and return to it when they are restored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from auth.session import Transaction
from auth.session.ancestry import Ordering, ordering
from db.base import Entity
from db.problem import Problem
from graph.kit.declared import class_of
from graph.kit.items import Item
from graph.kit.words import spoken

PLACE = ("place_at",)
"""The path of the argument that holds the place."""


@strawberry.enum(description="An end of an order.")
class OrderEnd(Enum):
    START = strawberry.enum_value("start", description="Before all others in the document.")
    END = strawberry.enum_value("end", description="After all others in the document.")


@strawberry.input(
    one_of=True,
    description="A place among the others. Exactly one field must be given.",
)
class PlacementInput:
    after: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of the object to be placed after.",
    )
    before: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of the object to be placed before.",
    )
    end: OrderEnd | None = strawberry.field(
        default=UNSET, description="The end of the order to be placed at."
    )


@cache
def place_input(type_: Any) -> Any:
    """Return the input of a place in the row that contains the one to be moved."""
    at = strawberry.field(description="Where to place it among the others.")
    text = f"The place of a {spoken(type_.__name__)} among the others."
    name = f"{type_.__name__}PlaceInput"
    return strawberry.input(class_of(name, {"at": (PlacementInput, at)}), description=text)


@dataclass(frozen=True)
class Place:
    """The target of a move: a container, a row in it to be inside, and a place among the others."""

    container_id: UUID | None = None
    """None means the current container."""
    inside: UUID | None = None
    """The row that will hold it, or None for none."""
    inside_given: bool = False
    """True if `inside` was given. If not, it stays, except in another container."""
    after: UUID | None = None
    before: UUID | None = None
    first: bool = False

    @property
    def beside(self) -> UUID | None:
        """Return the neighbour that is given, if one is."""
        return self.after or self.before

    @property
    def beside_field(self) -> list[str]:
        """Return the path of the argument that gives the neighbour."""
        return [*PLACE, "at", "after" if self.after else "before"]


def place_of(order: Ordering, place_at: Any) -> Place:
    """Return the place of an input, whose fields have the names of the columns of the order."""
    inside = getattr(place_at, order.inside, UNSET) if order.inside else UNSET
    at = place_at.at or PlacementInput(end=OrderEnd.END)
    return Place(
        container_id=getattr(place_at, order.key, None) or None,
        inside=inside or None,
        inside_given=inside is not UNSET,
        after=at.after or None,
        before=at.before or None,
        first=at.end is OrderEnd.START,
    )


def elsewhere(inside: type[Any], container: type[Any], field: Sequence[str]) -> Problem:
    """Return the problem of a row in another container than the one to be inside of it."""
    message = f"The {spoken(inside.__name__)} is in another {spoken(container.__name__)}."
    return Problem("INVALID", message, field=field)


async def put_at_end(transaction: Transaction, items: Sequence[Item]) -> None:
    """Put new rows without a position behind all others of their containers, in their order.

    They are of one model; their containers may differ.
    """
    if all("position" in item.values for item in items):
        return
    rows = [item.row for item in items]
    model: type[Entity] = type(rows[0])
    order = ordering(model)
    containers = {order.container_of(row) for row in rows}
    last = await transaction.last(order.model, "position", order.key, containers)
    for item, row in zip(items, rows, strict=True):
        container = order.container_of(row)
        behind = last.get(container)
        if "position" not in item.values:
            row.position = 1.0 if behind is None else behind + 1
        last[container] = row.position if behind is None else max(behind, row.position)
