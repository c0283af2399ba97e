"""Subscriptions: their cost while nothing happens, and the delay of events.

5,000 clients (`--followers`) of 1,000 people follow 25 documents on one node. Each of these people
has a role in a project of their own besides, so that no two have the same rights. Then a hundred
edits a second are committed beside the gateway, so that what is measured is the way from the commit
to the sockets: the feed, one execution for the followers of a document, a write to each. The same
again with 50 clients that read nothing, by server-sent events, and while the visibility of the
project changes. At last one client goes on after 12,000 events that it has missed.
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
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from uuid_utils.compat import uuid7

from auth.credentials import tokens
from bench import resuming
from bench.stand import Stand
from db.pool import Database

DOCUMENTS, PEOPLE = 25, 1000
STALLED = 50
RATE, SECONDS = 100, 10
VERSION = "query ($id: UUID!) { project(id: $id) { version } }"
VISIBILITY = """mutation ($id: UUID!, $version: BigInt!, $visibility: Visibility!) {
  projectUpdate(id: $id, expectedVersion: $version, input: {visibility: $visibility}) {
    project { id } } }"""
EDIT = """
WITH changed AS (UPDATE requirements SET name = $2, version = version + 1, updated_at = now()
    WHERE id = $1 RETURNING *)
INSERT INTO audit_logs (organization_id, project_id, document_id, entity_id, entity_type, action,
    version, changed_fields, new_data, old_data)
SELECT organization_id, project_id, document_id, id, 'Requirement', 'update', version,
    ARRAY['name'], jsonb_build_object('name', name), jsonb_build_object('name', '') FROM changed
"""


@dataclass
class Heard:
    """The events that followers should receive, and have received: edits, each with its time."""

    expected: int = 0
    resyncs: int = 0
    """The number of resyncs that followers received, since the node could not keep up."""
    bare: int = 0
    """Events that came without their row, since reading it took too long."""
    edits: list[tuple[int, float]] = field(default_factory=list)


async def measure(stand: Stand) -> None:
    """Follow, edit, change rights, catch up, and print."""
    project = await stand.project(DOCUMENTS, 1, 20)
    rows = await stand.superuser.fetch(
        "SELECT document_id, array_agg(id) AS ids FROM requirements WHERE project_id = $1"
        " GROUP BY document_id",
        project,
    )
    followers = stand.options.followers
    job: dict[str, Any] = {
        "address": stand.address,
        "tokens": await _readers(stand, project),
        "documents": [str(row["document_id"]) for row in rows],
        "each": stand.options.followers // DOCUMENTS,
        "stalled": 0,
        "transport": "websocket",
    }
    await stand.ask("{ viewer { profile { id } } }")
    async with _crowd(job | {"each": 4}) as heard:  # which makes the server warm
        heard.expected = len(await _edit(stand, rows, 2)) * 4
    for transport, stalled in (("websocket", 0), ("websocket", STALLED), ("sse", 0)):
        before = stand.memory()
        start = time.perf_counter()
        async with _crowd(job | {"transport": transport, "stalled": stalled}) as heard:
            seconds = time.perf_counter() - start
            cost = (stand.memory() - before) * 1024 / followers
            print(
                f"{followers} subscriptions by {transport} and {stalled} that read nothing,"
                f" after {seconds:.1f} s; {cost:.1f} kB each"
            )
            busy = stand.cpu()
            commits = await _edit(stand, rows, SECONDS)
            heard.expected = len(commits) * job["each"]
        busy = stand.cpu() - busy
        _print(commits, heard)
        deliveries = len(heard.edits)
        print(f"  {busy * 1_000_000 / deliveries:.0f} us of the server's processor a delivery")
    await _change_visibility(stand, project, rows, job)
    await resuming.measure(stand, rows[0]["document_id"], rows[0]["ids"])


async def _change_visibility(
    stand: Stand, project: UUID, rows: list[asyncpg.Record], job: dict[str, Any]
) -> None:
    """Print the delay of events while the project becomes public, and private again."""
    async with _crowd(job) as heard:

        async def change() -> None:
            for visibility in ("ORGANIZATION", "PRIVATE"):
                await asyncio.sleep(SECONDS / 4)
                answer = await stand.ask(
                    "query ($id: UUID!) { project(id: $id) { version } }", id=str(project)
                )
                version = answer.json()["data"]["project"]["version"]
                await stand.ask(VISIBILITY, id=str(project), version=version, visibility=visibility)

        commits, _ = await asyncio.gather(_edit(stand, rows, SECONDS), change())
        heard.expected = len(commits) * job["each"]
    print(f"{stand.options.followers} subscriptions, while the visibility changes twice")
    _print(commits, heard)


def _print(commits: dict[int, float], heard: Heard) -> None:
    found = [(number, at) for number, at in heard.edits if number in commits]
    delays = sorted((at - commits[number]) * 1000 for number, at in found)
    first, last = min(commits.values()), max(at for _, at in found)
    cuts = statistics.quantiles(delays, n=100)
    print(
        f"  {len(delays)} of {heard.expected} deliveries, {len(delays) / (last - first):.0f}/s;"
        f" commit to socket p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, last {delays[-1]:.1f} ms;"
        f" {heard.resyncs} times RESYNC, {heard.bare} events without their row"
    )


async def _edit(stand: Stand, rows: list[asyncpg.Record], seconds: int) -> dict[int, float]:
    """Edit at RATE for some seconds, each document in turn; return the times of the commits."""
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
    return commits


async def _readers(stand: Stand, project: UUID) -> list[str]:
    """Return tokens of people who may read the project."""
    made = []
    async with Database(stand.dsn) as database:
        for _ in range(PEOPLE):
            id = uuid7()
            email = f"reader-{id.hex}@bench.example"
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
            own = uuid7()
            await stand.superuser.execute(
                "INSERT INTO projects (id, organization_id, name, slug, visibility)"
                " VALUES ($1, $2, $3, $3, 'private')",
                *(own, stand.organization, f"own-{own.hex}"),
            )
            await stand.superuser.execute(
                "INSERT INTO project_members (organization_id, project_id, user_id, role)"
                " VALUES ($1, $2, $3, 'viewer')",
                *(stand.organization, own, id),
            )
            made.append(await tokens.issue(database, email, timedelta(hours=1)))
    return made


@asynccontextmanager
async def _crowd(job: dict[str, Any]) -> AsyncIterator[Heard]:
    """Run a crowd; afterwards fill in the events that it received, with their times."""
    heard = Heard()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "heard"
        crowd = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.crowd", stdin=PIPE, stdout=PIPE
        )
        assert crowd.stdin
        assert crowd.stdout
        crowd.stdin.write(json.dumps(job | {"file": str(file)}).encode() + b"\n")
        assert await crowd.stdout.readline() == b"ready\n"
        yield heard
        crowd.stdin.write(b"%d\n" % heard.expected)
        lost, heard.resyncs, heard.bare = map(int, (await crowd.stdout.readline()).split())
        assert lost == 0, f"{lost} were cut off"
        await crowd.wait()
        data = file.read_bytes()
        numbers, times = array("q", data[: len(data) // 2]), array("d", data[len(data) // 2 :])
        heard.edits += zip(numbers, times, strict=True)
