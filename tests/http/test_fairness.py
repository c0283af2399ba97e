"""The slow requests of one tenant do not block others, nor the gateway's own tasks."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from db.pool import NOBODY, Database
from tests.locks import WAITING
from tests.loop import within
from tests.world import World

FIELDS = " ".join(
    f"r{i}: requirements(first: 1, filter: {{documentId: {{eq: $id}}}}) {{ totalCount }}"
    for i in range(15)
)
SLOW = f"query ($id: UUID!) {{ {FIELDS} }}"
QUICK = "query ($id: UUID!) { project(id: $id) { name } }"
Gateway = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


async def ask(client: httpx.AsyncClient, world: World, query: str, id: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {await world.token('editor')}"}
    body = {"query": query, "variables": {"id": str(id)}}
    answer: dict[str, Any] = (await client.post("/graphql", json=body, headers=headers)).json()
    return answer


@pytest.mark.slow
async def test_slow_reads_of_one_tenant_hold_up_no_other(
    world: World, other_world: World, gateway: Gateway
):
    superuser = world.superuser
    await ask(world.client, world, QUICK, world.project)
    await ask(world.client, other_world, QUICK, other_world.project)  # it has its token
    patient = {"connection_wait": 60.0, "statement_timeout": 60.0, "operation_timeout": 60.0}
    async with gateway(app_connections=6, **patient) as client:
        async with superuser.transaction():
            await superuser.execute("LOCK TABLE requirements IN ACCESS EXCLUSIVE MODE")
            one = asyncio.create_task(ask(client, world, SLOW, world.document))
            await waiting(world, 3)
            more = [asyncio.create_task(ask(client, world, SLOW, world.document)) for _ in range(4)]
            await waiting(world, 4)  # of six, two are left to the others
            async with within(30):  # a place in their queue would take as long as the lock
                answer = await ask(client, other_world, QUICK, other_world.project)
            assert answer["data"]["project"], answer
            assert not any(task.done() for task in (one, *more))
        for task in (one, *more):
            await task


async def test_the_gateway_itself_has_its_turn(world: World, database: Database):
    """Sealing and readiness need a connection while a tenant waits for as many as it can get."""
    context = NOBODY.__class__(organizations=frozenset({world.organization}))
    held = asyncio.Event()

    async def hold() -> None:
        async with database.app.lend(context):
            await held.wait()

    tasks = [asyncio.create_task(hold()) for _ in range(20)]
    await asyncio.sleep(0)
    async with within(4), database.app.lend(NOBODY) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    held.set()
    await asyncio.gather(*tasks)


async def waiting(world: World, number: int) -> None:
    """Wait until exactly this many statements wait for the table."""
    async with within(10):
        while await world.superuser.fetchval(WAITING) < number:
            await world.superuser.execute("SELECT pg_stat_clear_snapshot()")
            await asyncio.sleep(0.01)
    await world.superuser.execute("SELECT pg_stat_clear_snapshot()")
    assert await world.superuser.fetchval(WAITING) == number
