"""A hub of its own for each test, and followers that remember what they were told."""

import asyncio
from functools import partial

import orjson
import pytest

from auth.identify import InvalidToken, identify_token
from auth.session import ViewerSession
from auth.viewer import ANONYMOUS
from graph.app import create_app
from graph.http.live import Subscribing
from graph.http.metrics import Metrics
from graph.http.operations import Operations
from graph.http.server import Config
from graph.kit.context import Context
from graph.live.hub import Hub
from graph.schema import schema
from tests.serving import served

PATIENCE = 20


class Follower:
    """A subscription's transport: it remembers what it is told."""

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
        """Wait until it is so."""
        async with asyncio.timeout(PATIENCE):
            while not condition(self):
                self.news.clear()
                await self.news.wait()
        return self

    async def has(self, number):
        """Wait for so many events after the first, which says where the stream stands."""
        await self.until(lambda follower: len(follower.told) > number)
        return self.told[1:]

    def make_context(self, viewer):
        self.executions += 1
        self.sessions.append(ViewerSession(self.world.database, viewer))
        return Context(self.sessions[-1], None)


@pytest.fixture
async def hub(settings, database):
    hub = Hub(database, Operations(schema, settings, Metrics()))
    running = asyncio.create_task(hub.run())
    yield hub
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def follow(world, hub):
    """Follows with an operation, as somebody; with `access` beside it, by the same connection."""
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
    """The address of the gateway on a server, with a hub of its own."""
    async with served(lambda _: create_app(settings), partial(Config, settings=settings)) as url:
        yield url
