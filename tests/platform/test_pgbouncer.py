"""Behind PgBouncer, as it is configured by default, in both of its modes."""

import asyncio
from datetime import timedelta

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from auth.credentials.tokens import issue
from graph.app import create_app
from graph.commands.database import require_migrated
from graph.commands.doctor import examine
from tests.platform.pgbouncer import pooled

READ = "{ requirements(first: 5) { nodes { id } } }"
WRITE = """mutation ($id: UUID!, $name: String!) {
  requirementUpdate(id: $id, expectedVersion: 1, input: {name: $name}) {
    requirement { name } } }"""
WHO = "SELECT current_user || ' ' || current_setting('statement_timeout')"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["session", "transaction"])
@pytest.mark.parametrize("logins", ["separate", "one"])
async def test_requests_are_answered(world, other_world, database_dsn, settings, mode, logins):
    tenants = (world, other_world)
    tokens = [
        await issue(world.database, one.email("editor"), timedelta(days=1)) for one in tenants
    ]
    async with pooled(database_dsn, mode) as dsn:
        behind = settings.model_copy(
            update={
                "database_url": SecretStr(dsn),
                "gateway_pooler": mode,
                "database_logins": logins,
            }
        )
        await asyncio.to_thread(require_migrated, behind.logins)
        app = create_app(behind)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):

            async def ask(number, query, **variables):
                body = {"query": query, "variables": variables}
                headers = {"authorization": f"Bearer {tokens[number]}"}
                return (await client.post("/graphql", json=body, headers=headers)).json()

            async with asyncio.timeout(20):  # until it follows the feed
                while (await client.get("/readyz")).status_code != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            answers = await asyncio.gather(*(ask(i % 2, READ) for i in range(12)))
            for i, answer in enumerate(answers):
                own = {"id": str(tenants[i % 2].requirement)}
                other = {"id": str(tenants[1 - i % 2].requirement)}
                assert own in answer["data"]["requirements"]["nodes"]
                assert other not in answer["data"]["requirements"]["nodes"]
            for i, one in enumerate(tenants):
                answer = await ask(i, WRITE, id=str(one.requirement), name="New")
                assert answer["data"]["requirementUpdate"], answer
        if mode == "transaction":  # nothing that was set is left to the next client
            connection = await asyncpg.connect(dsn, statement_cache_size=0)
            assert await connection.fetchval(WHO) == "gateway 0"
            await connection.close()
        findings = await asyncio.to_thread(examine, behind)
    of_other_tests = {"Explorer", "Login", "Encryption", "Personal data"}  # rows in this database
    assert {one.subject for one in findings if one.advice} <= of_other_tests


async def test_a_proxy_that_pools_by_transaction_is_found(database_dsn, settings):
    async with pooled(database_dsn, "transaction") as dsn:
        behind = settings.model_copy(update={"database_url": SecretStr(dsn)})
        (found,) = [
            one
            for one in await asyncio.to_thread(examine, behind)
            if one.subject == "Pooler" and one.advice
        ]
    assert "GATEWAY_POOLER=transaction" in found.advice
