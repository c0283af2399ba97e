"""Subscriptions: what they cost while nothing happens, and how soon they hear of what does.

5,000 clients follow 25 documents on one node, 200 each. Then a hundred edits a second are committed
beside the gateway, so that what is measured is the way from the commit to the sockets: the feed,
one execution for the 200 of an edit, 200 writes. The same again with 50 clients that read nothing.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from array import array
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from auth import tokens
from bench.stand import ADDRESS, Stand
from db.pool import Database

DOCUMENTS, EACH, PEOPLE = 25, 200, 100
STALLED = 50
RATE, SECONDS = 100, 10
SETTLE = 2.0
"""Seconds until the last edits have been heard of."""
EDIT = """
WITH changed AS (UPDATE requirements SET name = $2, version = version + 1, updated_at = now()
    WHERE id = $1 RETURNING *)
INSERT INTO audit_logs (organization_id, project_id, document_id, entity_id, entity_type, action,
    version, changed_fields, new_data, old_data)
SELECT organization_id, project_id, document_id, id, 'Requirement', 'update', version,
    ARRAY['name'], jsonb_build_object('name', name), jsonb_build_object('name', '') FROM changed
"""


async def measure(stand: Stand) -> None:
    """Follow, edit, and print."""
    project = await stand.project(DOCUMENTS, 1, 20)
    rows = await stand.superuser.fetch(
        "SELECT document_id, array_agg(id) AS ids FROM requirements WHERE project_id = $1"
        " GROUP BY document_id",
        project,
    )
    told = {
        "address": ADDRESS,
        "tokens": await _readers(stand, project),
        "documents": [str(row["document_id"]) for row in rows],
        "each": EACH,
    }
    await stand.ask("{ viewer { profile { id } } }")
    async with _crowd(told | {"each": 4, "stalled": 0}):  # which makes the server warm
        await _edit(stand, rows, 2)
    for stalled in (0, STALLED):
        before = stand.memory()
        start = time.perf_counter()
        async with _crowd(told | {"stalled": stalled}) as heard:
            seconds = time.perf_counter() - start
            cost = (stand.memory() - before) * 1024 / (DOCUMENTS * EACH)
            print(
                f"{DOCUMENTS * EACH} subscriptions and {stalled} that read nothing,"
                f" after {seconds:.1f} s; {cost:.1f} kB each"
            )
            busy = stand.cpu()
            commits = await _edit(stand, rows, SECONDS)
            busy = (stand.cpu() - busy) / SECONDS
        _print(commits, heard, busy)


def _print(commits: dict[int, float], heard: list[tuple[int, float]], busy: float) -> None:
    delays = sorted((at - commits[number]) * 1000 for number, at in heard if number in commits)
    whole = len(commits) * EACH
    cuts = statistics.quantiles(delays, n=100)
    print(
        f"  {len(delays)} of {whole} deliveries, {len(delays) / SECONDS:.0f}/s;"
        f" commit to socket p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, last {delays[-1]:.1f} ms;"
        f" the server used {busy:.2f} of a core"
    )


async def _edit(stand: Stand, rows: list[asyncpg.Record], seconds: int) -> dict[int, float]:
    """Edit at RATE for so long, in one document after the other; when each was committed."""
    commits: dict[int, float] = {}
    base = time.time_ns() // 1_000_000
    async with asyncpg.create_pool(stand.superuser_dsn, min_size=4, max_size=4) as pool:

        async def edit(number: int, id: UUID) -> None:
            await pool.execute(EDIT, id, f"Edit {number}")
            commits[number] = time.monotonic()

        start, edits = time.monotonic(), set[asyncio.Task[None]]()
        for i in range(RATE * seconds):
            await asyncio.sleep(max(start + i / RATE - time.monotonic(), 0))
            ids = rows[i % len(rows)]["ids"]
            edits.add(asyncio.create_task(edit(base + i, ids[i // len(rows) % len(ids)])))
        await asyncio.gather(*edits)
    await asyncio.sleep(SETTLE)
    return commits


async def _readers(stand: Stand, project: UUID) -> list[str]:
    """Tokens of so many people who may read the project."""
    made = []
    async with Database(stand.dsn) as database:
        for i in range(PEOPLE):
            id, email = uuid7(), f"reader{i}@bench.example"
            await stand.superuser.execute(
                "INSERT INTO profiles (id, email, full_name, is_approved)"
                " VALUES ($1, $2, $2, true)",
                *(id, email),
            )
            await stand.superuser.execute(
                "INSERT INTO organization_members (organization_id, user_id, role)"
                " VALUES ($1, $2, 'member')",
                *(stand.organization, id),
            )
            await stand.superuser.execute(
                "INSERT INTO project_members (organization_id, project_id, user_id, role)"
                " VALUES ($1, $2, $3, 'viewer')",
                *(stand.organization, project, id),
            )
            made.append(await tokens.issue(database, email, timedelta(hours=1)))
    return made


@asynccontextmanager
async def _crowd(told: dict[str, Any]) -> AsyncIterator[list[tuple[int, float]]]:
    """So many clients; afterwards, what each has heard and when."""
    heard: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "heard"
        crowd = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.crowd", stdin=PIPE, stdout=PIPE
        )
        assert crowd.stdin
        assert crowd.stdout
        crowd.stdin.write(json.dumps(told | {"file": str(file)}).encode() + b"\n")
        assert await crowd.stdout.readline() == b"ready\n"
        yield heard
        crowd.stdin.close()
        lost = await crowd.stdout.readline()
        assert lost == b"0\n", lost
        await crowd.wait()
        data = file.read_bytes()
        numbers, times = array("q", data[: len(data) // 2]), array("d", data[len(data) // 2 :])
        heard += zip(numbers, times, strict=True)
