"""Imports into a test's own tenant, and its rows read with plain SQL."""

import pytest

from auth.credentials.identify import act_for
from auth.session import Origin, ViewerSession
from db.problem import Problem
from graph.requirements.exchange import ImportOptions, Source, import_file, import_source


class Importer:
    """Imports into the world's project, and reads the rows with plain SQL."""

    def __init__(self, world):
        self.world = world

    async def session(self, person="editor"):
        viewer = await act_for(self.world.email(person), self.world.database)
        return ViewerSession(self.world.database, viewer, Origin(source="test"))

    async def file(self, path, person="editor", **options):
        session = await self.session(person)
        return await import_file(session, self.world.project, path, ImportOptions(**options))

    async def text(self, text, name="brakes.csv", person="editor", **options):
        source = Source(name, text.encode())
        options = ImportOptions(**options)
        return await import_source(await self.session(person), self.world.project, source, options)

    async def refused(self, text, name="brakes.csv", **options):
        before = await self.everything()
        with pytest.raises(Problem) as caught:
            await self.text(text, name, **options)
        assert await self.everything() == before
        return caught.value

    async def rows(self, table, where="true", order="position, id"):
        return await self.world.superuser.fetch(
            f"SELECT * FROM {table} WHERE organization_id = $1 AND {where} ORDER BY {order}",
            self.world.organization,
        )

    async def requirements(self, where="true"):
        found = await self.rows("requirements", f"external_id IS NOT NULL AND {where}")
        return {row["external_id"]: row for row in found}

    async def records(self):
        return await self.rows("audit_logs", order="id")

    async def everything(self):
        """Return all rows that an import may write, and the audit log of their changes."""
        return [
            await self.rows(table, order="id")
            for table in ("documents", "blocks", "requirements", "trace_links", "audit_logs")
        ]

    async def execute(self, statement, *arguments):
        await self.world.superuser.execute(statement, *arguments)
