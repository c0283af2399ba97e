"""A server that refuses writes, locks rows, or limits connections: requests report it, or wait."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from auth.credentials.identify import act_for
from auth.credentials.people import create_person
from auth.credentials.tokens import issue
from auth.session import ViewerSession
from db.logins import Logins
from db.pool import NOBODY, Database
from db.problem import Problem
from db.requirements.requirements import Requirement
from graph.app import create_app
from graph.commands.doctor import examine
from tests.conftest import TEMPLATE, dsn_of

CREATE = """mutation { organizationCreate(input: {name: "New", slug: "new-here"}) {
    organization { id } } }"""


@pytest.fixture
async def copy(server_dsn, settings):
    """Yield a database of the test's own with a person: its settings, their token, its name."""
    name = f"refusing_{uuid4().hex}"
    server = await asyncpg.connect(server_dsn)
    await server.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    try:
        async with Database(dsn_of(name), app_connections=1, orm_connections=1) as database:
            await create_person(database, "ada@demo.example", "Ada", "correct horse battery")
            token = await issue(database, "ada@demo.example", timedelta(days=1))
        yield settings.model_copy(update={"database_url": SecretStr(dsn_of(name))}), token, server
    finally:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()


@pytest.mark.slow
async def test_a_database_that_takes_no_writes_is_read_and_not_written(copy):
    settings, token, server = copy
    name = settings.logins.dsn.rpartition("/")[2]
    await server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            client.headers["authorization"] = f"Bearer {token}"
            ready = await client.get("/readyz")
            read = await client.post("/graphql", json={"query": "{ viewer { profile { email } } }"})
            write = await client.post("/graphql", json={"query": CREATE})
    assert (ready.status_code, ready.json()["reason"]) == (503, "The database takes no writes.")
    assert read.json()["data"] == {"viewer": {"profile": {"email": "ada@demo.example"}}}
    (error,) = write.json()["errors"]
    assert error["message"] == "The database takes no writes."
    assert error["extensions"] == {"code": "BUSY", "retryable": True}
    found = {finding.state for finding in await asyncio.to_thread(examine, settings)}
    assert "takes no writes" in found


@pytest.mark.slow
async def test_whoever_waits_for_a_row_is_told_that_it_is_that(world, superuser, database_dsn):
    viewer = await act_for(world.email("editor"), world.database)
    held = superuser.transaction()
    await held.start()
    try:
        await superuser.execute(
            "SELECT FROM requirements WHERE id = $1 FOR UPDATE", world.requirement
        )
        async with Database(database_dsn, app_connections=1, statement_timeout=0.5) as database:

            async def rename():
                async with ViewerSession(database, viewer).transaction() as transaction:
                    row = await transaction.find(Requirement, world.requirement)
                    transaction.change(row, None, name="Held")

            with pytest.raises(Problem) as refused:
                await rename()
    finally:
        await held.rollback()
    assert (refused.value.code, refused.value.message) == (
        "BUSY",
        "Someone else is changing the same rows.",
    )


@pytest.mark.slow
async def test_who_stands_still_in_a_transaction_loses_its_locks(world, database_dsn):
    """Within twice the statement timeout, although its owner learns of it at the next statement."""
    viewer = await act_for(world.email("editor"), world.database)

    async def rename(database, name, version, pause=0.0):
        async with ViewerSession(database, viewer).transaction() as transaction:
            row = await transaction.find(Requirement, world.requirement)
            await asyncio.sleep(pause)
            transaction.change(row, version, name=name)

    async with Database(database_dsn, app_connections=1, statement_timeout=0.5) as still:
        stopped = asyncio.create_task(rename(still, "Stopped", 1, pause=2.5))
        await asyncio.sleep(0.2)
        await rename(world.database, "Gone on", 1)
        with pytest.raises(Problem) as lost:
            await stopped
    assert lost.value.code in ("BUSY", "TIMEOUT")
    records = await world.records(world.requirement)
    assert [record["new_data"] for record in records if record["action"] == "update"] == [
        '{"name": "Gone on"}'
    ]


@pytest.fixture
async def few(superuser, database_dsn):
    """Yield a login with a limit of two connections."""
    name = f"few_{uuid4().hex}"
    await superuser.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD 'few' CONNECTION LIMIT 2 IN ROLE gateway_app"
    )
    address = database_dsn.partition("@")[2]
    yield Logins(f"postgresql://{name}:few@{address}", auth_dsn=database_dsn, separation="one")
    await superuser.execute(f"DROP ROLE {name}")


async def test_requests_wait_for_a_connection_that_there_is(world, few):
    viewer = await act_for(world.email("editor"), world.database)
    async with Database(few, app_connections=8, orm_connections=4) as database:

        async def read():
            async with database.app.lend(NOBODY) as connection:
                return await connection.fetchval("SELECT 1 FROM pg_sleep(0.01)")

        async def write():
            async with ViewerSession(database, viewer).transaction() as transaction:
                return bool(await transaction.find(Requirement, world.requirement))

        works = [work() for _ in range(12) for work in (read, write)]
        assert await asyncio.gather(*works) == [1, True] * 12
        assert database.app.size == 1


@pytest.mark.slow
async def test_fewer_connections_than_the_pools_want_are_found(few, settings):
    theirs = settings.model_copy(
        update={
            "database_url": SecretStr(few.dsn),
            "auth_database_url": SecretStr(few.auth_dsn),
            "database_logins": "one",
        }
    )
    for given, is_found in ((theirs, True), (settings, False)):
        findings = await asyncio.to_thread(examine, given)
        (found,) = (one for one in findings if one.subject == "Connections")
        assert bool(found.advice) == is_found, found
