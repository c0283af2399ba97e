"""An audit log of a test's own: events written, sealed, verified, and tampered with."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
from typer.testing import CliRunner

from db.audit.seal import NO_ORGANIZATION
from db.audit.sealing import seal_everything
from graph.cli import app
from graph.commands.failure import sentence
from tests.conftest import SECRET

INSERT = """
INSERT INTO audit_logs (organization_id, entity_id, entity_type, action, new_data, version)
VALUES ($1, gen_random_uuid(), 'Requirement', 'update', $2, 1) RETURNING id
"""


@dataclass(frozen=True)
class Run:
    """The result of a command: its exit code and output, or the sentence of its refusal."""

    exit_code: int
    output: str
    sentence: str | None = None


class Ledger:
    """A database with only audit records, and a superuser's connection."""

    def __init__(self, dsn: str, superuser: asyncpg.Connection) -> None:
        self.dsn, self.superuser = dsn, superuser

    @asynccontextmanager
    async def connected(self, role: str = "gateway_app") -> Iterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.dsn, server_settings={"role": role})
        try:
            yield connection
        finally:
            await connection.close()

    async def organization(self) -> UUID:
        name = f"o-{uuid4().hex[:12]}"
        insert = "INSERT INTO organizations (name, slug) VALUES ($1, $1) RETURNING id"
        return await self.superuser.fetchval(insert, name)

    async def slug(self, organization: UUID) -> str:
        find = "SELECT slug FROM organizations WHERE id = $1"
        return await self.superuser.fetchval(find, organization)

    async def write(self, organization: UUID | None, *data: object) -> list[UUID]:
        """Write an event for each of these values, in one transaction; return their IDs."""
        async with self.superuser.transaction():
            return [
                await self.superuser.fetchval(INSERT, organization, json.dumps({"value": value}))
                for value in data
            ]

    async def seal(self) -> int:
        async with self.connected() as connection:
            return await seal_everything(connection)

    async def seals(self, organization: UUID | None) -> list[asyncpg.Record]:
        return await self.superuser.fetch(
            "SELECT * FROM audit_seals WHERE organization_id = $1 ORDER BY seq",
            organization or NO_ORGANIZATION,
        )

    async def sealed(self, organization: UUID | None) -> list[UUID]:
        """Return the events of a chain in its order."""
        return [seal["event_id"] for seal in await self.seals(organization)]

    async def tamper(self, *statements: str) -> None:
        """Run statements as a superuser, in spite of triggers and policies; each changes a row."""
        async with self.superuser.transaction():
            await self.superuser.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                changed = await self.superuser.execute(statement)
                assert not changed.endswith(" 0"), statement

    async def run(
        self, *arguments: str | Path | UUID, options: str = "", group: str = "audit"
    ) -> Run:
        """Run a command of a group on this database; `options` are added to its address."""
        variables = {"DATABASE_URL": self.dsn + options, "GATEWAY_SECRET": SECRET}
        result = await asyncio.to_thread(
            CliRunner().invoke, app, [group, *map(str, arguments)], env=variables
        )
        error = result.exception
        told = sentence(error) if isinstance(error, Exception) else None
        if error and told is None and not isinstance(error, SystemExit):
            raise error
        return Run(result.exit_code, result.output, told)

    async def verify(self, organization: UUID, *options: str | Path) -> Run:
        return await self.run("verify", "--organization", organization, *options)

    async def rehash(self, organization: UUID, line: str = "sealed_line") -> None:
        """Make the chain of an organization fit its events as they are now, by these lines."""
        await self.tamper(
            f"""
            WITH RECURSIVE link AS (
                SELECT 0::bigint AS seq, sha256(convert_to('{organization}', 'UTF8')) AS hash
                UNION ALL
                SELECT s.seq, sha256(link.hash || convert_to(
                    s.seq || chr(10) || ctx.{line}(e), 'UTF8'))
                FROM link
                JOIN audit_seals AS s ON s.organization_id = '{organization}'
                    AND s.seq = link.seq + 1
                JOIN audit_logs AS e ON e.id = s.event_id AND e.created_at = s.event_at
            )
            UPDATE audit_seals AS s SET hash = link.hash FROM link
            WHERE s.organization_id = '{organization}' AND s.seq = link.seq
            """
        )


def positions(hashes: Iterable[asyncpg.Record]) -> list[int]:
    """Return the numbers of seals."""
    return [seal["seq"] for seal in hashes]
