"""The ASGI application; the only place where things are wired."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypedDict

import asyncpg
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route, WebSocketRoute

from auth import oauth, pages
from auth.identify import identify, identify_again, origin_of
from auth.mail import Outbox
from auth.oauth.upkeep import keep_clean
from auth.session import ViewerSession
from auth.session.origin import Origin
from auth.viewer import Viewer
from db.audit.sealing import keep_sealing
from db.feed.sequencing import trim
from db.pool import NOBODY, Database
from db.problem import Problem
from graph import explorer
from graph.editor import page as editor
from graph.explorer.door import Door
from graph.http.capacity import Capacity
from graph.http.challenge import Challenging
from graph.http.drain import Drain
from graph.http.endpoint import GraphQLEndpoint
from graph.http.event_stream import EventStreams
from graph.http.handshake import SocketEndpoint
from graph.http.health import alive, readiness
from graph.http.metrics import Metrics, PoolUse
from graph.http.middleware import compressed, middleware
from graph.http.operations import Operations
from graph.http.visit import Live, Visitors
from graph.kit.context import Context
from graph.live.hub import Hub
from graph.live.redis_bus import RedisBus
from graph.live.tasks import stop
from graph.schema import schema
from graph.settings import Settings

log = structlog.get_logger(__name__)

PARTITIONS_EVERY = 6 * 3600
"""Seconds between two looks at whether the months to come have their partitions."""
TRIM_EVERY = 60
"""Seconds between two looks for what of the feed is old enough to be forgotten."""
KEYS_EVERY, KEYS_AT_ONCE = 600, 1000
"""Seconds between two looks for idempotency keys that are over; how many go in one statement."""


class State(TypedDict):
    """What the lifespan hands to each request."""

    drain: Drain


def create_app(settings: Settings) -> Starlette:
    """The gateway, as a server runs it. Its lifespan connects to the database and keeps it."""
    database = database_of(settings)
    outbox = Outbox(settings)
    metrics = Metrics(lambda: pool_use(database))
    operations = Operations(schema, settings, metrics)
    buses = (
        [RedisBus(settings, name) for name in ("presence", "feed")] if settings.redis_url else []
    )
    hub = Hub(database, operations, *buses)

    async def make_context(request: Request) -> Context:
        viewer = await identify(request, database, settings)
        origin = replace(origin_of(request), request_id=request.state.request_id)
        return context_of(viewer, origin)

    def context_of(viewer: Viewer, origin: Origin) -> Context:
        return Context(ViewerSession(database, viewer, origin), outbox, hub.presence)

    async def renewed(viewer: Viewer) -> Viewer | None:
        return await identify_again(viewer, database, settings)

    async def ready() -> str | None:
        try:
            async with database.app.lend(NOBODY) as connection:
                await connection.execute("SELECT FROM organizations LIMIT 1")
        except (Problem, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return "The database cannot be reached, or has no tables."
        return None

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[State]:
        async with database:
            upkeep = [
                asyncio.create_task(_keep_partitions(database)),
                asyncio.create_task(_forget_keys(database)),
                asyncio.create_task(keep_sealing(database)),
                asyncio.create_task(keep_clean(database)),
                asyncio.create_task(hub.run()),
                asyncio.create_task(_trim_feed(database)),
            ]
            try:
                with Drain(settings.drain_delay) as drain:
                    yield {"drain": drain}
            finally:
                await live.settle()
                await outbox.settle()
                await stop(*upkeep)

    endpoint = GraphQLEndpoint(operations, make_context, settings)
    visitors = Visitors(lambda shown: identify(shown, database, settings), renewed, context_of)
    live = Live(operations, visitors, hub, Capacity(settings))
    streams = EventStreams(live, endpoint, compressed(endpoint))
    return Starlette(
        routes=[
            Route("/graphql", Door(Challenging(streams, settings))),
            WebSocketRoute("/graphql", SocketEndpoint(live, settings)),
            Route("/healthz", alive),
            Route("/readyz", readiness(ready)),
            Route("/metrics", metrics.page(settings)),
            *explorer.routes(settings),
            *editor.routes(database, settings, outbox),
            *pages.routes(database, settings, outbox),
            *oauth.routes(database, settings, outbox),
        ],
        middleware=middleware(settings),
        exception_handlers={404: pages.missing, 405: pages.missing},
        lifespan=lifespan,
    )


def database_of(settings: Settings) -> Database:
    """The database that these settings name; entering it connects."""
    assert settings.database_url is not None  # noqa: S101 (the command line has filled it in)
    return Database(
        settings.database_url.get_secret_value(),
        app_connections=settings.app_connections,
        auth_connections=settings.auth_connections,
        orm_connections=settings.orm_connections,
        oauth_connections=settings.oauth_connections,
        wait=settings.connection_wait,
        statement_timeout=settings.statement_timeout,
        pooler=settings.gateway_pooler,
    )


def pool_use(database: Database) -> PoolUse:
    """Connections open and in use, by pool, for the metrics."""
    pools = {"application": database.app, "authentication": database.auth}
    return {name: (pool.size, pool.size - pool.idle) for name, pool in pools.items()}


async def _keep_partitions(database: Database) -> None:
    """Let the months to come have their partitions before anybody writes into them."""
    while True:
        try:
            async with database.app.lend(NOBODY) as connection:
                await connection.execute("SELECT ctx.ensure_partitions()")
        except Exception:
            log.exception("partitions")
        await asyncio.sleep(PARTITIONS_EVERY)


async def _forget_keys(database: Database) -> None:
    """Remove the idempotency keys whose day is over, with the answers that were kept for them."""
    while True:
        try:
            forgotten = KEYS_AT_ONCE
            while forgotten == KEYS_AT_ONCE:
                async with database.app.lend(NOBODY) as connection:
                    forgotten = await connection.fetchval(
                        "SELECT ctx.forget_idempotency_keys($1)", KEYS_AT_ONCE
                    )
        except Exception:
            log.exception("idempotency keys")
        await asyncio.sleep(KEYS_EVERY)


async def _trim_feed(database: Database) -> None:
    """Forget what nobody can resume from any more."""
    while True:
        await asyncio.sleep(TRIM_EVERY)
        try:
            async with database.auth.lend(NOBODY) as connection:
                while await trim(connection):
                    pass
        except Exception:
            log.exception("feed")
