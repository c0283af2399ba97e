"""Connections that the server has closed are replaced, without an error to a client."""

import asyncio

import asyncpg
import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db.pool import NOBODY, Database
from db.problem import Problem

UPDATE = """mutation ($id: UUID!, $version: BigInt!, $name: String!) {
  requirementUpdate(id: $id, expectedVersion: $version, input: {name: $name}) {
    requirement { version } } }"""
KILL = (
    "SELECT count(pg_terminate_backend(pid, 1000)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'gateway%'"
)


@pytest.mark.slow
async def test_after_the_server_has_ended_all_connections_requests_go_on(world, superuser):
    edit = {"id": world.requirement, "version": 1, "name": "The ferry stops"}
    assert await world.code("editor", UPDATE, **edit) is None
    assert await superuser.fetchval(KILL) >= 2
    codes = []
    while not codes or codes[-1] is not None:
        codes.append(await world.code("editor", UPDATE, **edit | {"version": 2, "name": "Stops"}))
        assert len(codes) < 20
    assert set(codes) <= {"BUSY", None}
    assert [record["version"] for record in await world.records(world.requirement)] == [2, 3]


async def test_a_connection_that_ends_between_two_statements_is_no_defect(database, superuser):
    async def ask():
        async with database.auth.lend(NOBODY) as connection:
            ended = asyncio.Event()
            connection.add_termination_listener(lambda _: ended.set())
            pid = connection.get_server_pid()
            await superuser.execute("SELECT pg_terminate_backend($1, 1000)", pid)
            await asyncio.wait_for(ended.wait(), 10)
            await connection.fetchval("SELECT 1")

    with pytest.raises(Problem) as refused:
        await ask()
    assert refused.value.code == "BUSY"


async def test_a_server_that_recovers_has_no_connection_to_spare(database, monkeypatch):
    async def recovers(*_, **__):
        raise asyncpg.CannotConnectNowError("the database system is in recovery mode")

    await database.app.close()  # else it would lend one that is open
    monkeypatch.setattr(asyncpg.Pool, "acquire", recovers)
    with pytest.raises(Problem) as refused:
        await database.app.lend(NOBODY).__aenter__()
    assert refused.value.code == "BUSY"


async def test_models_are_configured_before_the_first_request(database_dsn):
    class Base(DeclarativeBase):
        pass

    class Ferry(Base):
        __tablename__ = "ferries"
        id: Mapped[int] = mapped_column(primary_key=True)

    assert not Ferry.__mapper__.configured
    async with Database(database_dsn, app_connections=1, orm_connections=1):
        assert Ferry.__mapper__.configured
    Base.registry.dispose()
