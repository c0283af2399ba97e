"""A hub of its own for each test, and followers that store their events."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import orjson
import pytest

from auth.credentials.identify import InvalidToken, identify_token
from auth.session import ViewerSession
from auth.viewer import ANONYMOUS
from graph.app import create_app
from graph.http.operation.metrics import Metrics
from graph.http.operation.operations import Operations
from graph.http.operation.ports import Subscribing
from graph.http.server.config import Config
from graph.kit.context import Context
from graph.live.bus import PostgresBus, channel_of
from graph.live.cursor import Cursors
from graph.live.hub import Hub
from graph.schema import schema
from tests.live.replica import Servers, replicated
from tests.loop import within
from tests.serving import served

PATIENCE = 20


class Follower:
    """A subscription's transport: it stores what it receives."""

    def __init__(self, world, hub, operations, token):
        self.world, self.hub, self.operations, self.token = world, hub, operations, token
        self.failures = []
        self.told, self.errors, self.closed, self.completed = [], None, None, False
        self.news = asyncio.Event()
        self.viewer = ANONYMOUS
        self.expires_at = None
        self.following = None
        self.executions, self.sessions = 0, []

    # As access

    async def renew(self):
        try:
            self.viewer = await identify_token(self.token, self.world.database)
        except InvalidToken:
            return False
        return True

    def ended(self, problem):
        self.closed = problem.code
        self.cancel()
        self.news.set()

    # As sink

    async def ready(self):
        pass

    def next(self, payload, cursor):
        data = orjson.loads(payload)
        self.failures += data.get("errors", [])
        (event,) = (data["data"] or {"late": None}).values()
        self.told.append(event)
        self.news.set()

    def error(self, errors):
        self.errors = [error["extensions"]["code"] for error in errors]
        self.news.set()

    def complete(self):
        self.completed = True

    def cancel(self):
        if self.following:
            self.following.cancel()

    async def until(self, condition):
        """Wait until the condition is true."""
        async with within(PATIENCE):
            while not condition(self):
                self.news.clear()
                await self.news.wait()
        return self

    async def has(self, number):
        """Wait for this many events after the first, which holds the position of the stream."""
        await self.until(lambda follower: len(follower.told) > number)
        return self.told[1:]

    def make_context(self, viewer):
        self.executions += 1
        self.sessions.append(ViewerSession(self.world.database, viewer))
        return Context(self.sessions[-1], None)


@pytest.fixture
async def hub(settings, database):
    bus = PostgresBus(database, channel_of(settings, "presence"))
    hub = Hub(database, Operations(schema, settings, Metrics()), Cursors(settings), bus)
    running = asyncio.create_task(hub.run())
    yield hub
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def follow(world, hub):
    """Yield a function that follows an operation as a person; `access` shares a connection."""
    followers = []

    async def start(person, query, after=None, access=None, **variables):
        operations = hub._operations
        document = operations.documents.get(query)
        assert not document.errors, document.errors
        follower = Follower(world, hub, operations, await world.token(person))
        followers.append(follower)
        await follower.renew()
        variables = {name: str(value) for name, value in variables.items()}
        subscribing = Subscribing(
            document,
            document.operation(None),
            None,
            variables,
            {},
            after,
            "request",
            follower.make_context,
        )
        follower.following = await hub.subscribe(subscribing, access or follower, follower)
        return follower

    yield start
    for follower in followers:
        follower.cancel()


@pytest.fixture(scope="module")
async def gateway(settings):
    """Yield the address of the gateway on a server, with a hub of its own."""
    async with served(lambda _: create_app(settings), partial(Config, settings=settings)) as url:
        yield url


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """Yield a primary that runs, and its replica, which has no copy yet."""
    with replicated(tmp_path / "replica") as servers:
        yield servers
