"""The nested query, served: statements, milliseconds, requests per second and memory.

A project of 10 documents, 50 blocks and 1,000 requirements with 8 fields each, read through HTTP
from a real server process. The yardstick is the same answer made by one hand-written statement
with PostgreSQL's JSON functions, without policy or row level security. Slices of both alternate, so
that a noisy machine disturbs both alike; the ratio is the figure, not the milliseconds.
"""

import asyncio
import statistics
import time

import asyncpg

from bench.stand import Call, Stand

DOCUMENTS, BLOCKS, REQUIREMENTS = 10, 5, 20
ROUNDS, SLICE = 6, 20
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


async def measure(stand: Stand) -> None:
    """Ask, and print."""
    project = await stand.project(DOCUMENTS, BLOCKS, REQUIREMENTS)
    async with asyncpg.create_pool(stand.superuser_dsn, min_size=4, max_size=4) as pool:

        async def gateway() -> int:
            return len((await stand.ask(QUERY, id=str(project))).content)

        async def yardstick() -> int:
            return len(await pool.fetchval(YARDSTICK, project))

        size = await gateway()
        print(f"an answer of 1,000 requirements: {size / 1000:.0f} kB, ", end="")
        print(f"{await stand.statements(gateway)} statements")
        for clients in CLIENTS:
            await compare({"gateway": gateway, "json_agg, no walls": yardstick}, clients)
        print(f"peak memory of the server: {stand.peak_memory():.0f} MB")


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
