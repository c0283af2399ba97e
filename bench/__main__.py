"""The nested query, served: statements, milliseconds, requests per second and memory.

A project of 10 documents, 50 blocks and 1,000 requirements with 8 fields each, read through HTTP
from a real server process. The yardstick is the same answer made by one hand-written statement
with PostgreSQL's JSON functions, without policy or row level security. Slices of both alternate, so
that a noisy machine disturbs both alike; the ratio is the figure, not the milliseconds.
"""

import asyncio
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
from uuid_utils.compat import uuid7

from auth import tokens
from auth.people import create_person
from db.embedded import Embedded
from db.pool import Database
from migrations.run import upgrade

DOCUMENTS, BLOCKS, REQUIREMENTS = 10, 5, 20
TEXT = "When the one happens, the other shall happen within a second. " * 4
ROUNDS, SLICE = 6, 20
ADDRESS, PORT = "http://127.0.0.1:8099", "8099"
PERSON = ("bench@bench.example", "Bench", "a long bench password")
OK = 200
CLIENTS = (1, 16)

QUERY = """query ($id: UUID!) { project(id: $id) { id name
  documents(first: 20) { nodes { id name
    blocks(first: 20) { nodes { id name
      requirements(first: 100) { nodes {
        id externalId name status priority level position createdAt } } } } } } } }"""

YARDSTICK = """
SELECT json_build_object('id', p.id, 'name', p.name, 'documents', (
  SELECT json_agg(json_build_object('id', d.id, 'name', d.name, 'blocks', (
    SELECT json_agg(json_build_object('id', b.id, 'name', b.name, 'requirements', (
      SELECT json_agg(json_build_object('id', r.id, 'externalId', r.external_id, 'name', r.name,
        'status', r.status, 'priority', r.priority, 'level', r.level, 'position', r.position,
        'createdAt', r.created_at) ORDER BY r.position, r.id)
      FROM requirements r WHERE r.block_id = b.id)) ORDER BY b.position, b.id)
    FROM blocks b WHERE b.document_id = d.id)) ORDER BY d.position, d.id)
  FROM documents d WHERE d.project_id = p.id))::text
FROM projects p WHERE p.id = $1
"""

Call = Callable[[], Awaitable[int]]


async def fill(connection: asyncpg.Connection, owner: UUID) -> UUID:
    """One organization with one project of 1,000 requirements; the project's id."""
    organization, project = uuid7(), uuid7()
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO organizations (id, name, slug) VALUES ($1, 'Bench', 'bench')", organization
        )
        await connection.execute(
            "INSERT INTO organization_members (organization_id, user_id, role)"
            " VALUES ($1, $2, 'owner')",
            organization,
            owner,
        )
        await connection.execute(
            "INSERT INTO projects (id, organization_id, name, slug) VALUES ($1, $2, 'B', 'b')",
            project,
            organization,
        )
        for i in range(DOCUMENTS):
            document = uuid7()
            await connection.execute(
                "INSERT INTO documents (id, organization_id, project_id, name, slug, position)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                *(document, organization, project, f"Document {i}", f"d-{i}", float(i)),
            )
            for j in range(BLOCKS):
                block = uuid7()
                place = (organization, project, document)
                await connection.execute(
                    "INSERT INTO blocks (id, organization_id, project_id, document_id, name,"
                    " position) VALUES ($1, $2, $3, $4, $5, $6)",
                    *(block, *place, f"Block {j}", float(j)),
                )
                await connection.executemany(
                    "INSERT INTO requirements (id, organization_id, project_id, document_id,"
                    " block_id, name, description, external_id, position)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                    [
                        (uuid7(), *place, block, f"Requirement {k}", TEXT, f"R-{i}-{j}-{k}", k)
                        for k in range(REQUIREMENTS)
                    ],
                )
    await connection.execute("ANALYZE")
    return project


async def slice_of(call: Call, clients: int) -> list[float]:
    """Milliseconds of each of one slice's calls."""
    taken: list[float] = []

    async def client() -> None:
        for _ in range(max(1, SLICE // clients)):
            start = time.perf_counter()
            await call()
            taken.append((time.perf_counter() - start) * 1000)

    await asyncio.gather(*(client() for _ in range(clients)))
    return taken


async def compare(calls: dict[str, Call], clients: int) -> None:
    """Print median milliseconds and requests per second of each call, slices interleaved."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    elapsed = dict.fromkeys(calls, 0.0)
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            taken[name] += await slice_of(call, clients)
            elapsed[name] += time.perf_counter() - start
    rates = {name: len(taken[name]) / elapsed[name] for name in calls}
    for name, rate in rates.items():
        median = statistics.median(taken[name])
        ratio = rate / rates["json_agg, no walls"]
        print(f"{clients:>3} clients  {name:<20}{median:9.1f} ms{rate:9.1f} /s{ratio:8.2f} x")


def peak_memory(pid: int) -> float:
    """Megabytes of physical memory that the process has held at most (Linux)."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


async def measure(dsn: str, superuser_dsn: str) -> None:
    """Serve, ask, print."""
    superuser = await asyncpg.connect(superuser_dsn)
    async with Database(dsn) as database:
        owner = await create_person(database, *PERSON)
        token = await tokens.issue(database, PERSON[0], timedelta(hours=1))
    project = await fill(superuser, owner)
    pool = await asyncpg.create_pool(superuser_dsn, min_size=4, max_size=4)
    headers = {"Authorization": f"Bearer {token}"}
    body = {"query": QUERY, "variables": {"id": str(project)}}
    with served(dsn) as server:
        async with httpx.AsyncClient(base_url=ADDRESS, headers=headers, timeout=60) as client:

            async def gateway() -> int:
                response = await client.post("/graphql", json=body)
                assert response.status_code == OK, response.text
                return len(response.content)

            async def yardstick() -> int:
                return len(await pool.fetchval(YARDSTICK, project))

            await _ready(client)
            size = await gateway()
            machine = f"{platform.machine()}, {os.cpu_count()} CPUs"
            print(f"{machine}, Python {platform.python_version()}")
            print(f"an answer of 1,000 requirements: {size / 1000:.0f} kB, ", end="")
            print(f"{await statements(superuser, gateway)} statements")
            for clients in CLIENTS:
                await compare({"gateway": gateway, "json_agg, no walls": yardstick}, clients)
            print(f"peak memory of the server: {peak_memory(server.pid):.0f} MB")
    await pool.close()
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


async def statements(superuser: asyncpg.Connection, call: Call) -> int:
    """How many statements PostgreSQL ran in the application's role for one call."""
    counted = (
        "SELECT sum(calls) FROM pg_stat_statements"
        " WHERE userid = 'gateway_app'::regrole AND query NOT LIKE '%set_config%'"
    )
    await superuser.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    await superuser.execute("SELECT pg_stat_statements_reset()")
    await call()
    return int(await superuser.fetchval(counted) or 0)


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


def main() -> None:
    """Start a server of its own, measure, stop."""
    base = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=base) as folder:
        settings = {"shared_preload_libraries": "pg_stat_statements"}
        with Embedded(Path(folder) / "postgresql", settings=settings) as embedded:
            upgrade(embedded.dsn())
            asyncio.run(measure(embedded.dsn(), embedded.superuser_dsn("gateway")))


if __name__ == "__main__":
    main()
