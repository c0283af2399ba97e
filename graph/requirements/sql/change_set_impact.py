"""The SQL of the impact of a change set: links and test results that its changes would concern."""

from collections.abc import Collection
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CompoundSelect,
    Integer,
    Select,
    Uuid,
    any_,
    bindparam,
    not_,
    or_,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY

from auth.session import ViewerSession
from auth.session.product_query import CONTENT_VERSION, readable
from db.requirements.collaboration import TraceLink
from db.requirements.documents import Block
from db.requirements.requirements import Requirement
from db.requirements.testing import TestExecution
from graph.requirements.sql.trace_ends import ENDS, linkable_to, suspect

MAX_FOUND = 50_000
"""The most links, or results, that an impact lists."""


def _among(name: str) -> Any:
    return any_(bindparam(name, type_=ARRAY(Uuid)))


IDS, LEFT_OUT = _among("ids"), _among("left_out")
LIMIT = bindparam("limit", type_=Integer)


class ChangeSetImpactQuery:
    """What changes would concern, among what the viewer can read. A method is one statement."""

    def __init__(self, session: ViewerSession) -> None:
        self._session = session

    async def beneath(self, documents: Collection[UUID], blocks: Collection[UUID]) -> set[UUID]:
        """Return the blocks and requirements in these documents and blocks, at every level."""
        values = {"documents": list(documents), "blocks": list(blocks)}
        return {row["id"] for row in await self._session.query(_beneath(), values)}

    async def suspects(self, changed: Collection[UUID], left_out: Collection[UUID]) -> list[UUID]:
        """Return the links that are not suspect, and of which an end is one of these objects."""
        links = readable(TraceLink)
        is_suspect = suspect(links.c, links, linkable_to(self._session))
        return await self._links(changed, left_out, not_(is_suspect))

    async def touching(self, ids: Collection[UUID], left_out: Collection[UUID]) -> list[UUID]:
        """Return the links of which an end is one of these objects."""
        return await self._links(ids, left_out)

    async def _links(
        self, ids: Collection[UUID], left_out: Collection[UUID], *where: Any
    ) -> list[UUID]:
        links = readable(TraceLink)
        ends = (links.alias(end) for end in ENDS)
        touching = union(
            *(
                select(link.c.id).where(link.c[f"{end}_id"] == IDS)
                for end, link in zip(ENDS, ends, strict=True)
            )
        )
        statement = (
            select(links.c.id)
            .where(links.c.id.in_(touching), not_(links.c.id == LEFT_OUT), *where)
            .order_by(links.c.id)
            .limit(LIMIT)
        )
        values = {"ids": list(ids), "left_out": list(left_out), "limit": MAX_FOUND}
        return [row["id"] for row in await self._session.query(statement, values)]

    async def stale(self, requirements: Collection[UUID]) -> list[tuple[UUID, UUID]]:
        """Return the executions with a result of the current content, each with its test case."""
        values = {"ids": list(requirements), "limit": MAX_FOUND}
        return [(id, test) for id, test in await self._session.query(_results(), values)]


@cache
def _beneath() -> CompoundSelect[Any]:
    documents, blocks = _among("documents"), _among("blocks")
    outer = readable(Block, "id", "document_id")
    tree = (
        select(outer.c.id)
        .where(or_(outer.c.id == blocks, outer.c.document_id == documents))
        .cte("inside", recursive=True)
    )
    inner, requirement = readable(Block, "id", "parent_id"), readable(Requirement)
    tree = tree.union(select(inner.c.id).where(inner.c.parent_id == tree.c.id))
    held = or_(
        requirement.c.document_id == documents, requirement.c.block_id.in_(select(tree.c.id))
    )
    return union(select(tree.c.id), select(requirement.c.id).where(held))


@cache
def _results() -> Select[Any]:
    runs = readable(TestExecution)
    requirement = readable(Requirement, "id", CONTENT_VERSION)
    return (
        select(runs.c.id, runs.c.test_id)
        .select_from(runs.join(requirement, requirement.c.id == runs.c.requirement_id))
        .where(
            runs.c.requirement_id == IDS,
            runs.c.executed_at.is_not(None),
            runs.c.requirement_version >= requirement.c.content_version,
        )
        .order_by(runs.c.id)
        .limit(LIMIT)
    )
