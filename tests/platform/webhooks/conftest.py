"""A receiver, a dispatcher, and endpoints of a test's own tenant."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from graph.http.operation.operations import Operations
from graph.schema import schema
from graph.webhooks import Webhooks, dispatcher_of
from tests.platform.webhooks.endpoints import Endpoints
from tests.platform.webhooks.receiver import receiving


@pytest.fixture(scope="session")
def webhooks(database, settings):
    """Return what makes the messages, once for all tests."""
    return Webhooks(database, settings, Operations(schema, settings))


@pytest.fixture
async def receiver():
    """Yield a receiver of the test's own."""
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def endpoints(world, app, receiver):
    """Yield the endpoints of the tenant, which are gone after the test."""
    yield await Endpoints.of(world, receiver)
    await world.superuser.execute(
        "UPDATE webhook_endpoints SET status = 'paused' WHERE organization_id = $1",
        world.organization,
    )


@pytest.fixture
def sending(webhooks, database, settings):
    """Return the context in which a dispatcher works, which tries again soon."""

    @asynccontextmanager
    async def work(**shared):
        dispatcher = dispatcher_of(webhooks, database, settings, poll=0.1)
        dispatcher._shared.retry_delays = (0.05,) * 9
        for name, value in shared.items():
            setattr(dispatcher._shared, name, value)
        task = asyncio.create_task(dispatcher.run())
        try:
            yield dispatcher
        finally:
            dispatcher.stop()
            await task

    return work
