"""The SQL of copies: the tests that were executed for requirements."""

from collections.abc import Collection
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from auth.session import ViewerSession
from auth.session.product_query import readable
from db.requirements.testing import TestExecution


async def tested(
    session: ViewerSession, requirements: Collection[UUID], limit: int
) -> list[tuple[UUID, UUID]]:
    """Return the pairs of test case and requirement with an execution, each once."""
    values = {"requirements": list(requirements), "limit": limit}
    return [(test, id) for test, id in await session.query(_pairs(), values)]


@cache
def _pairs() -> Select[Any]:
    runs = readable(TestExecution, "test_id", "requirement_id")
    return (
        select(runs.c.test_id, runs.c.requirement_id)
        .distinct()
        .where(runs.c.requirement_id == any_(bindparam("requirements", type_=ARRAY(Uuid))))
        .order_by(runs.c.test_id, runs.c.requirement_id)
        .limit(bindparam("limit", type_=Integer))
    )
