"""Memory does not grow with the responses of a process."""

import asyncio
from pathlib import Path

import httpx
import psutil
import pytest
from uuid_utils.compat import uuid7

from tests.live.storm import Node

pytestmark = pytest.mark.processes

QUERY = """query ($id: UUID!) {
  block(id: $id) { requirements(first: 100) { nodes { id name description } } } }"""
ROWS, TEXT = 100, "The system shall do so. " * 260
CLIENTS, WARM_UP, ANSWERS = 16, 160, 800
LARGE = 600_000
"""Bytes of an answer, at least."""
MOST_GROWN = 20 * 1024**2
"""Bytes. A process grows by two megabytes; when it kept what was in flight at each look of the
collector, it grew by forty and more."""


async def test_large_answers_are_freed(world, database_dsn, tmp_path: Path, monkeypatch):
    place = (world.organization, world.project, world.document, world.block)
    await world.superuser.executemany(
        "INSERT INTO requirements (id, organization_id, project_id, document_id, block_id, name,"
        " description, position) VALUES ($1, $2, $3, $4, $5, 'Long', $6, $7)",
        [(uuid7(), *place, TEXT, float(row + 2)) for row in range(ROWS)],
    )
    monkeypatch.setenv("COST_PER_SECOND", "1000000")
    node = Node(database_dsn, tmp_path)
    node.start()
    try:
        await node.ready()
        token = await world.token("viewer")
        headers = {"authorization": f"Bearer {token}", "accept-encoding": "identity"}
        body = {"query": QUERY, "variables": {"id": str(world.block)}}
        async with httpx.AsyncClient(base_url=node.url, headers=headers, timeout=60) as client:

            async def ask(times: int) -> None:
                for _ in range(times):
                    answer = await client.post("/graphql", json=body)
                    assert len(answer.content) > LARGE, answer.text

            async def held_after(times: int) -> int:
                await asyncio.gather(*(ask(times // CLIENTS) for _ in range(CLIENTS)))
                return psutil.Process(node.process.pid).memory_info().rss

            before = await held_after(WARM_UP)
            after = await held_after(ANSWERS)
    finally:
        node.kill()
    assert after - before < MOST_GROWN
