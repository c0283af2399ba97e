"""The arguments of the cells of a matrix, and their bounds."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import strawberry

from db.problem import Problem

MAX_CELLS, DEFAULT_CELLS = 1_000, 100

CellsFirst = Annotated[
    int,
    strawberry.argument(description=f"The number of cells to return, at most {MAX_CELLS}."),
]


def asked_columns(first: int, ids: Sequence[UUID] | None, field: str) -> tuple[UUID, ...] | None:
    """Return the columns of which cells are asked for; None for all.

    Raises INVALID for too many cells, or for too many IDs in the argument `field`.
    """
    if not 0 <= first <= MAX_CELLS:
        raise Problem("INVALID", f"Must be from 0 to {MAX_CELLS}.", field=["first"])
    if len(ids or ()) > MAX_CELLS:
        raise Problem("INVALID", f"At most {MAX_CELLS} IDs.", field=[field])
    return None if ids is None else tuple(ids)
