"""The system under measurement: a gateway on an embedded PostgreSQL, with one organization."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg
import httpx
from uuid_utils.compat import uuid7

from auth.credentials import tokens
from auth.credentials.people import create_person
from bench.database import Cluster
from bench.options import Options
from bench.peers.servers import Server, gateway
from db.pool import Database

OK = 200
TEXT = "When the one happens, the other shall happen within a second. " * 4

Call = Callable[[], Awaitable[object]]


@dataclass
class Stand:
    """The server under measurement, its owner's client, and a superuser's connection."""

    dsn: str
    superuser_dsn: str
    address: str
    superuser: asyncpg.Connection
    client: httpx.AsyncClient
    server: Server
    organization: UUID
    options: Options

    async def ask(self, query: str, **variables: object) -> httpx.Response:
        """Return the answer to one request. Raises AssertionError unless it succeeds."""
        body = {"query": query, "variables": variables}
        response = await self.client.post("/graphql", json=body)
        assert response.status_code == OK, response.text
        assert "errors" not in response.json(), response.text
        return response

    async def statements(self, call: Call) -> int:
        """Return the number of statements that one call makes PostgreSQL run as the application."""
        counted = (
            "SELECT sum(calls) FROM pg_stat_statements"
            " WHERE userid = 'gateway_app'::regrole"
            " AND query !~ 'set_config|^(BEGIN|COMMIT|ROLLBACK)'"
        )
        await self.superuser.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await self.superuser.execute("SELECT pg_stat_statements_reset()")
        await call()
        return int(await self.superuser.fetchval(counted) or 0)

    def peak_memory(self) -> float:
        """Return the megabytes of physical memory that the server has held at most (Linux)."""
        return self.server.peak_memory()

    def memory(self) -> float:
        """Return the megabytes of physical memory that the server has now."""
        return sum(one.memory_info().rss for one in self.server.processes()) / 1024**2

    def cpu(self) -> float:
        """Return the seconds of processor time that the server has used."""
        return self.server.cpu()

    async def project(self, documents: int, blocks: int, requirements: int) -> UUID:
        """Create a project with these numbers of parts in each other; return its ID."""
        project = uuid7()
        async with self.superuser.transaction():
            await self.superuser.execute(
                "INSERT INTO projects (id, organization_id, name, slug) VALUES ($1, $2, 'B', $3)",
                *(project, self.organization, project.hex),
            )
            for i in range(documents):
                await self.document(project, i, blocks, requirements)
        await self.superuser.execute("ANALYZE")
        return project

    async def document(self, project: UUID, number: int, blocks: int, requirements: int) -> UUID:
        """Create a document with this many blocks, and requirements in each; return its ID."""
        document = uuid7()
        await self.superuser.execute(
            "INSERT INTO documents (id, organization_id, project_id, name, slug, position)"
            " VALUES ($1, $2, $3, $4, $5, $6)",
            *(document, self.organization, project, f"Document {number}", f"d-{number}", number),
        )
        place = (self.organization, project, document)
        for j in range(blocks):
            block = uuid7()
            await self.superuser.execute(
                "INSERT INTO blocks (id, organization_id, project_id, document_id, name, position)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                *(block, *place, f"Block {j}", float(j)),
            )
            await self.superuser.executemany(
                "INSERT INTO requirements (id, organization_id, project_id, document_id, block_id,"
                " name, description, external_id, position)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                [
                    (
                        *(uuid7(), *place, block, f"Requirement {k}", TEXT),
                        *(f"R-{number}-{j}-{k}", float(j * requirements + k)),
                    )
                    for k in range(requirements)
                ],
            )
        return document


@asynccontextmanager
async def stand(cluster: Cluster, options: Options) -> AsyncIterator[Stand]:
    """Create an organization in this database, and serve it."""
    organization, email = uuid7(), f"bench-{uuid7().hex}@bench.example"
    async with Database(cluster.dsn) as database:
        owner = await create_person(database, email, "Bench", "a long bench password")
        token = await tokens.issue(database, email, timedelta(hours=1))
    server = gateway(cluster.dsn, token)
    async with cluster.superuser() as superuser:
        await superuser.execute(
            "INSERT INTO organizations (id, name, slug, max_monthly_requests, billing_plan)"
            " VALUES ($1, 'Bench', $2, 1000000000, 'enterprise')",
            *(organization, f"bench-{organization.hex}"),
        )
        await superuser.execute(
            "INSERT INTO organization_members (organization_id, user_id, role)"
            " VALUES ($1, $2, 'owner')",
            *(organization, owner),
        )
        address = server.address.removesuffix(server.path)
        async with httpx.AsyncClient(
            base_url=address, headers=dict(server.headers), timeout=60
        ) as client:
            server.start(cluster.folder)
            try:
                await server.until_ready()
                yield Stand(
                    *(cluster.dsn, cluster.superuser_dsn, address, superuser, client, server),
                    *(organization, options),
                )
            finally:
                server.stop()
