"""What is measured: a served gateway on an embedded PostgreSQL, and one organization in it."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import psutil
from uuid_utils.compat import uuid7

from auth import tokens
from auth.people import create_person
from db.pool import Database

ADDRESS, PORT = "http://127.0.0.1:8099", "8099"
PERSON = ("bench@bench.example", "Bench", "a long bench password")
OK = 200
TEXT = "When the one happens, the other shall happen within a second. " * 4

Call = Callable[[], Awaitable[object]]


@dataclass
class Stand:
    """The server under measurement, a client of its owner, and a connection that sees all."""

    dsn: str
    superuser_dsn: str
    superuser: asyncpg.Connection
    client: httpx.AsyncClient
    server: "subprocess.Popen[bytes]"
    organization: UUID

    async def ask(self, query: str, **variables: object) -> httpx.Response:
        """One request that succeeds."""
        body = {"query": query, "variables": variables}
        response = await self.client.post("/graphql", json=body)
        assert response.status_code == OK, response.text
        assert "errors" not in response.json(), response.text
        return response

    async def statements(self, call: Call) -> int:
        """How many statements PostgreSQL ran in the application's role for one call."""
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
        """Megabytes of physical memory that the server has held at most (Linux)."""
        status = Path(f"/proc/{self.server.pid}/status")
        if not status.exists():
            return float("nan")
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024

    def memory(self) -> float:
        """Megabytes of physical memory that the server holds now."""
        return psutil.Process(self.server.pid).memory_info().rss / 1024**2

    def cpu(self) -> float:
        """Seconds that the server has computed."""
        times = psutil.Process(self.server.pid).cpu_times()
        return times.user + times.system

    async def project(self, documents: int, blocks: int, requirements: int) -> UUID:
        """A project of so many documents, of so many blocks, of so many requirements; its id."""
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
        """A document of so many blocks, of so many requirements each; its id."""
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
async def stand(dsn: str, superuser_dsn: str) -> AsyncIterator[Stand]:
    """Found an organization on this migrated database, and serve it."""
    superuser = await asyncpg.connect(superuser_dsn)
    async with Database(dsn) as database:
        owner = await create_person(database, *PERSON)
        token = await tokens.issue(database, PERSON[0], timedelta(hours=1))
    organization = uuid7()
    await superuser.execute(
        "INSERT INTO organizations (id, name, slug, max_monthly_requests, billing_plan)"
        " VALUES ($1, 'Bench', 'bench', 1000000000, 'enterprise')",
        organization,
    )
    await superuser.execute(
        "INSERT INTO organization_members (organization_id, user_id, role)"
        " VALUES ($1, $2, 'owner')",
        *(organization, owner),
    )
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=ADDRESS, headers=headers, timeout=60) as client:
        with served(dsn) as server:
            await _ready(client)
            yield Stand(dsn, superuser_dsn, superuser, client, server, organization)
    await superuser.close()


@contextmanager
def served(dsn: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A server process of the gateway, as `gateway serve` starts it."""
    environment = os.environ | {"DATABASE_URL": dsn, "PORT": PORT, "LOG_LEVEL": "WARNING"}
    server = subprocess.Popen([sys.executable, "-m", "graph.cli", "serve"], env=environment)
    try:
        yield server
    finally:
        server.terminate()
        server.wait(20)


async def many(calls: Sequence[Call]) -> float:
    """Seconds that these calls take, all at once."""
    start = time.perf_counter()
    await asyncio.gather(*(call() for call in calls))
    return time.perf_counter() - start


async def _ready(client: httpx.AsyncClient) -> None:
    for _ in range(200):
        try:
            if (await client.get("/readyz")).status_code == OK:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    message = "The server did not become ready."
    raise TimeoutError(message)
