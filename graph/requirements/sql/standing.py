"""The positions of rows in their containers."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, any_, bindparam, select

from auth.session import ViewerSession
from auth.session.product_query import readable


async def standing(
    session: ViewerSession, model: Any, key: str, containers: Sequence[UUID]
) -> list[Any]:
    """Return ID, container and position of the readable rows in these containers."""
    return list(await session.query(_statement(model, key), {"containers": [*containers]}))


@cache
def _statement(model: Any, key: str) -> Select[*tuple[Any, ...]]:
    rows = readable(model, "id", key, "position")
    here = rows.c[key] == any_(bindparam("containers", type_=ARRAY(Uuid)))
    return select(rows.c.id, rows.c[key].label("container"), rows.c.position).where(here)
