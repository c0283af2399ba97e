"""The SQL of an import of test results: the test cases and requirements that a file may name."""

from collections.abc import Collection, Sequence
from uuid import UUID

from asyncpg import Record
from sqlalchemy import Text, Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from auth.session import ViewerSession
from auth.session.product_query import CONTENT_VERSION, readable
from db.requirements.requirements import Requirement
from db.requirements.testing import TestCase, TestExecution

PROJECT = bindparam("project", type_=Uuid)
NAMES = any_(bindparam("names", type_=ARRAY(Text)))


async def content_versions(session: ViewerSession, ids: Sequence[UUID]) -> list[int | None]:
    """Return the version at which the content of each requirement was last changed.

    None for a requirement that the viewer cannot read. One statement, whatever their number.
    """
    table = readable(Requirement, "id", CONTENT_VERSION)
    statement = select(table.c.id, table.c.content_version).where(
        table.c.id == any_(bindparam("ids", type_=ARRAY(Uuid)))
    )
    found = await session.query(statement, {"ids": list(ids)})
    versions = {row["id"]: row["content_version"] for row in found}
    return [versions.get(id) for id in ids]


class TestPairs:
    """Rows of a project that the viewer can read. Every method runs one statement."""

    __test__ = False

    def __init__(self, session: ViewerSession, project_id: UUID) -> None:
        self._session, self._project_id = session, project_id

    async def cases(self, names: Collection[str]) -> dict[str, UUID]:
        """Return the test cases with these identifiers."""
        table = readable(TestCase, "id", "project_id", "test_id")
        statement = select(table.c.test_id, table.c.id).where(
            table.c.project_id == PROJECT, table.c.test_id == NAMES
        )
        return {row["test_id"]: row["id"] for row in await self._run(statement, names=names)}

    async def requirements(self, names: Collection[str]) -> dict[str, list[UUID]]:
        """Return the requirements with these external IDs, of which each document may have one."""
        table = readable(Requirement, "id", "project_id", "external_id")
        statement = (
            select(table.c.external_id, table.c.id)
            .where(table.c.project_id == PROJECT, table.c.external_id == NAMES)
            .order_by(table.c.id)
        )
        found: dict[str, list[UUID]] = {}
        for row in await self._run(statement, names=names):
            found.setdefault(row["external_id"], []).append(row["id"])
        return found

    async def verified(self, cases: Collection[UUID]) -> dict[UUID, list[UUID]]:
        """Return the requirements for which each of these test cases has an execution."""
        runs = readable(TestExecution, "project_id", "test_id", "requirement_id")
        table = readable(Requirement, "id")
        chosen = any_(bindparam("cases", type_=ARRAY(Uuid)))
        statement = (
            select(runs.c.test_id, runs.c.requirement_id)
            .distinct()
            .select_from(runs.join(table, table.c.id == runs.c.requirement_id))
            .where(runs.c.project_id == PROJECT, runs.c.test_id == chosen)
            .order_by(runs.c.test_id, runs.c.requirement_id)
        )
        found: dict[UUID, list[UUID]] = {}
        for row in await self._run(statement, cases=cases):
            found.setdefault(row["test_id"], []).append(row["requirement_id"])
        return found

    async def _run(self, statement: object, **values: Collection[object]) -> list[Record]:
        listed = {name: list(given) for name, given in values.items()}
        if not all(listed.values()):
            return []
        return await self._session.query(statement, {"project": self._project_id, **listed})  # type: ignore[arg-type]
