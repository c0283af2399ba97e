"""A small schema behind the real endpoint and middleware, for tests of HTTP without rows.

Run as a program it serves itself on a free port, which it prints: `python -m tests.http.toy`.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4, uuid5

import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.routing import Route, WebSocketRoute
from strawberry.scalars import JSON

from auth.credentials.identify import InvalidToken
from auth.viewer import ANONYMOUS, Viewer
from db.problem import Problem
from graph.http.operation.metrics import Metrics
from graph.http.operation.operations import Operations
from graph.http.request.endpoint import GraphQLEndpoint
from graph.http.server.config import Config
from graph.http.server.gateway import Gateway
from graph.http.server.graceful_stop import Drain
from graph.http.server.health import alive, readiness
from graph.http.server.middleware import middleware
from graph.http.stream.capacity import Capacity
from graph.http.stream.connection import Live, LiveConnections
from graph.http.stream.event_stream import EventStreams
from graph.http.stream.handshake import SocketEndpoint
from graph.logs import set_up
from graph.settings import Settings
from tests.http.toy_hub import ToyHub

T = TypeVar("T")
SECRET = "hunter2"


@dataclass
class Context:
    """The viewer of a request, and the rows that it has read."""

    viewer: Viewer
    rows_read: int = 0

    def correlate(self, id: UUID | None) -> UUID:
        return id or uuid4()

    def end(self) -> None:
        """Release nothing."""


@dataclass
class Seen:
    """The events that the resolvers have recorded, for tests to inspect."""

    cancelled: int = 0
    finished: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)
    hub: ToyHub | None = None


seen = Seen()
Info = strawberry.Info[Context, None]


@strawberry.type
class PageInfo:
    has_next_page: bool = False


@strawberry.type
class Edge(Generic[T]):
    node: T
    cursor: str = ""


@strawberry.type
class Connection(Generic[T]):
    nodes: list[T]
    edges: list[Edge[T]]
    page_info: PageInfo
    total_count: int = 0


@strawberry.type
class Item:
    id: strawberry.ID
    name: str = "Brakes"
    properties: JSON | None = None

    @strawberry.field
    def self(self) -> "Item":
        return self

    @strawberry.field
    def children(self, first: int = 10, filter: "Filter | None" = None) -> "list[Item]":
        return []

    @strawberry.field
    def items(self, first: int | None = None, last: int | None = None) -> Connection["Item"]:
        return page(first or last or 0)

    @strawberry.field(metadata={"largest_page": 100})
    def few(self, first: int | None = None) -> Connection["Item"]:
        return page(first or 0)

    @strawberry.field
    def node(self) -> "Item":
        """Return the object as an edge's field does, without being one."""
        return self


def page(size: int) -> Connection[Item]:
    rows = [Item(id=strawberry.ID(str(number))) for number in range(min(size, 100))]
    edges = [Edge(node=row) for row in rows]
    return Connection(nodes=rows, edges=edges, page_info=PageInfo(), total_count=size)


@strawberry.input
class Filter:
    name: str | None = None
    ids: list[strawberry.ID] | None = None
    either: "list[Filter] | None" = None


@strawberry.input
class NewItem:
    name: str
    tags: list[str] = strawberry.field(default_factory=list)


@strawberry.input
class NewItems:
    items: list[NewItem]
    dry_run: bool = False


@strawberry.type
class Created:
    items: list[Item]


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "world"

    @strawberry.field
    def item(self) -> Item:
        return Item(id=strawberry.ID("1"))

    @strawberry.field
    def items(self, first: int | None = None, last: int | None = None) -> Connection[Item]:
        return page(first or last or 0)

    @strawberry.field
    def nodes(self, ids: list[strawberry.ID]) -> list[Item]:
        return [Item(id=id) for id in ids]

    @strawberry.field
    def found(self, filter: Filter | None = None) -> list[Item]:
        return []

    @strawberry.field
    def echo(self, text: str = "", number: int = 0, json: JSON | None = None) -> JSON:
        return json if json is not None else [text, number]

    @strawberry.field
    def by_id(self, id: UUID) -> str:
        return str(id)

    @strawberry.field
    def viewer(self, info: Info) -> str | None:
        return str(info.context.viewer.id) if info.context.viewer.id else None

    @strawberry.field
    def rows(self, info: Info, count: int) -> int:
        info.context.rows_read += count
        return count

    @strawberry.field
    def refused(self) -> str | None:
        raise Problem("CONFLICT", "Someone has changed it.", field=["input", "name"], current=7)

    @strawberry.field
    def broken(self, text: str = "") -> str | None:
        raise ValueError(f"password={SECRET} {text}")

    @strawberry.field
    def too_long(self) -> int | None:
        return 2**40

    @strawberry.field
    def text(self, size: int) -> str:
        return "x" * size

    @strawberry.field
    def missing(self) -> str:
        return None  # type: ignore[return-value]

    @strawberry.field
    async def slow(self, seconds: float = 60) -> str:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            seen.cancelled += 1
            raise
        return "done"


@strawberry.type
class Mutation:
    @strawberry.mutation
    def create(self, input: NewItem) -> Item:
        return Item(id=strawberry.ID("1"), name=input.name)

    @strawberry.mutation
    def create_many(self, input: NewItems) -> Created:
        return Created(items=[])

    @strawberry.mutation
    async def wait(self) -> str:
        await seen.release.wait()
        seen.finished += 1
        return "done"

    @strawberry.mutation
    async def last(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    @strawberry.mutation
    async def publish(self, topic: str, text: str, times: int = 1, size: int = 0) -> int:
        assert seen.hub
        for _ in range(times):
            count = await seen.hub.publish(topic, text + "x" * size)
        return count

    @strawberry.mutation
    def revoke(self, name: str) -> int:
        assert seen.hub
        ended = {f.access for f in seen.hub.followers() if f.access.viewer.email == name}
        for access in ended:
            access.ended(Problem("UNAUTHENTICATED", "Revoked."))
        return len(ended)


@strawberry.type
class Said:
    text: str

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError(f"password={SECRET}")


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self) -> AsyncIterator[int]:
        seen.finished += 1
        yield 1

    @strawberry.subscription
    async def said(self, topic: str, after: str | None = None) -> AsyncIterator[Said]:
        seen.finished += 1  # the hub follows, so that no generator is ever started
        yield Said(text=topic)


schema = strawberry.Schema(Query, Mutation, Subscription)


NAMES = uuid4()


async def identify(connection: HTTPConnection) -> Viewer:
    """Return the viewer of a token or cookie; refuse the token `expired`.

    The viewer of `short` expires after a second and a half.
    """
    shown = connection.headers.get("authorization")
    if shown == "Bearer expired":
        raise InvalidToken
    if shown == "Bearer busy":
        raise Problem("BUSY", "No connection to the database is available.")
    if not shown and not connection.cookies:
        return ANONYMOUS
    name = (shown or "Bearer cookie").removeprefix("Bearer ")
    ends = datetime.now(UTC) + timedelta(seconds=1.5) if name == "short" else None
    return Viewer(uuid5(NAMES, name), name, expires_at=ends)


async def renew(viewer: Viewer) -> Viewer | None:
    """Return the same viewer."""
    return viewer


async def make_context(request: HTTPConnection) -> Context:
    """Return the context of a request."""
    return Context(await identify(request))


def fall_over(request: Request) -> None:
    """Fail with a defect."""
    raise ValueError(f"password={SECRET}")


def create_toy(settings: Settings, ready: Any = None, contexts: Any = make_context) -> Starlette:
    """Return the toy as an application, composed as the gateway is."""
    metrics = Metrics(lambda: {"app": (3, 1)})
    operations = Operations(schema, settings, metrics)
    seen.hub = ToyHub(operations)
    visitors = LiveConnections(identify, renew, lambda viewer, _: Context(viewer))
    live = Live(operations, visitors, seen.hub, Capacity(settings))
    endpoint = GraphQLEndpoint(operations, lambda shown, _: contexts(shown), settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        with Drain(settings.drain_delay) as drain:
            yield {"drain": drain}
        await live.settle()

    async def always() -> None:
        return None

    return Gateway(
        endpoint,
        routes=[
            Route("/graphql", EventStreams(live, endpoint)),
            WebSocketRoute("/graphql", SocketEndpoint(live, settings)),
            Route("/healthz", alive),
            Route("/readyz", readiness(ready or always)),
            Route("/metrics", metrics.page(settings)),
            Route("/defect", fall_over),
        ],
        middleware=middleware(settings),
        lifespan=lifespan,
    )


def serve() -> None:
    """Serve the toy, with the settings of the environment, on a free port, and print the port."""
    settings = Settings()
    set_up(settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        uvicorn.Server(Config(create_toy(settings), settings)).run(sockets=[listener])
