"""The cost of notifications: one more statement for all of a request, counted on the wire."""

import httpx
import pytest
from pydantic import SecretStr

from graph.app import create_app
from tests.core.test_notifications import ASSIGN, READ_MANY, told
from tests.wire import tapped
from tests.world import found

WRITING = "WITH recorded"
"""The beginning of a statement that writes."""
MOST = 500


@pytest.fixture
async def wire(database_dsn):
    async with tapped(database_dsn) as wire:
        yield wire


@pytest.fixture
async def world(superuser, database, wire, settings):
    """Yield a tenant whose requests pass the tap."""
    through = {"database_url": SecretStr(wire.dsn), "orm_connections": 1}
    app = create_app(settings.model_copy(update=through))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield await found(superuser, database, client)


async def sent(world, wire, person, query, **variables):
    """Return the statements of the transaction that writes for this request."""
    wire.forget()
    await world.ask(person, query, **variables)
    (transaction,) = (sent for sent in wire.transactions() if WRITING in " ".join(sent))
    return transaction


@pytest.mark.slow
async def test_as_many_as_can_be_named_are_read_by_as_many_statements_as_one(world, wire):
    ids = await told(world, MOST + 2)
    await sent(world, wire, "viewer", READ_MANY, ids=ids[:1])  # the driver looks up its types
    one = await sent(world, wire, "viewer", READ_MANY, ids=ids[1:2])
    many = await sent(world, wire, "viewer", READ_MANY, ids=ids[2:])
    assert len(many) == len(one)
    assert sum(statement.startswith(WRITING) for statement in many) == 1


@pytest.mark.slow
async def test_telling_is_one_statement_of_the_transaction_that_it_tells_of(world, wire):
    counts = []
    # The first is for the driver, which looks up its types; the second is by themselves.
    for who in ("admin", "editor", "viewer"):
        ids = {"requirement": world.requirement, "who": world.people[who]}
        counts.append(len(await sent(world, wire, "editor", ASSIGN, **ids)))
    assert counts[2] == counts[1] + 1
