"""A connection gets the context of a user once, until another user writes on it."""

import pytest

from auth.credentials.identify import act_for
from auth.session import ViewerSession
from db.pool import Database
from db.problem import Problem
from db.requirements.requirements import Requirement
from tests.wire import tapped

TOLD = "set_config('app.user_id'"


@pytest.fixture
async def wire(database_dsn):
    async with tapped(database_dsn) as wire:
        yield wire


async def rename(database, viewer, world, name, seen=None):
    async with ViewerSession(database, viewer).transaction() as transaction:
        row = await transaction.find(Requirement, world.requirement)
        transaction.change(row, seen, name=name)


def told(wire):
    """Return how often the context was set: in transactions, and in all."""
    return tuple(
        sum(TOLD in statement for sent in parts for statement in sent)
        for parts in (wire.transactions(), wire.connections)
    )


async def test_a_connection_remembers_who_writes_until_somebody_else_does(world, wire):
    editor = await act_for(world.email("editor"), world.database)
    owner = await act_for(world.email("owner"), world.database)
    async with Database(wire.dsn, app_connections=1, orm_connections=1) as database:
        await rename(database, editor, world, "A")
        turns = ((editor, 0), (owner, 1), (owner, 0), (editor, 1))
        for turn, (viewer, times) in enumerate(turns):
            wire.forget()
            await rename(database, viewer, world, f"Turn {turn}")
            assert told(wire) == (0, times)
    actors = [record["actor_id"] for record in await world.records(world.requirement)]
    assert actors[-4:] == [editor.id, owner.id, owner.id, editor.id]


async def test_a_connection_that_was_another_tenants_shows_nothing_of_theirs(
    world, other_world, wire
):
    editor = await act_for(world.email("editor"), world.database)
    stranger = await act_for(other_world.email("owner"), world.database)
    async with Database(wire.dsn, app_connections=1, orm_connections=1) as database:
        await rename(database, editor, world, "Ours")
        with pytest.raises(Problem, match="has been changed since"):
            await rename(database, editor, world, "Never", seen=1)
        with pytest.raises(Problem, match="no such"):
            await rename(database, stranger, world, "Theirs")
        await rename(database, stranger, other_world, "Theirs")
    row = await world.superuser.fetchrow(
        "SELECT name FROM requirements WHERE id = $1", world.requirement
    )
    assert row["name"] == "Ours"


async def test_behind_a_proxy_every_transaction_says_who_asks(world, wire):
    editor = await act_for(world.email("editor"), world.database)
    async with Database(
        wire.dsn, app_connections=1, orm_connections=1, pooler="transaction"
    ) as database:
        for name in "AB":
            wire.forget()
            await rename(database, editor, world, name)
            assert told(wire) == (1, 1)
