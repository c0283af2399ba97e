"""The ASGI application; the only place where things are wired."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, TypedDict

import asyncpg
import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.routing import Route, WebSocketRoute

from auth import oauth, pages
from auth.accounts.mail import Outbox
from auth.accounts.sso.flow import SingleSignOn
from auth.credentials.activity import Activity
from auth.credentials.identify import api_of, identify, identify_again, recall
from auth.credentials.share_views import ShareViews
from auth.credentials.viewer_cache import ViewerCache
from auth.origin import Origin
from auth.refusals import Refusals
from auth.session import ViewerSession
from auth.text_records import TextRecords
from auth.viewer import Viewer
from db.audit.sealing import keep_sealing
from db.pool import NOBODY, Database
from db.problem import Problem
from graph import explorer
from graph.administration import routes as administration
from graph.build_reports.endpoint import Endpoint as ReportEndpoint
from graph.bulk import Bulk
from graph.compliance_pages import routes as compliance_pages
from graph.editor import billing, downloads, drawings, imports, plots, shared_page
from graph.editor import page as editor
from graph.explorer.browser_redirect import BrowserRedirect
from graph.http.operation.metrics import Metrics, PoolUse
from graph.http.operation.operations import Operations
from graph.http.request import files
from graph.http.request import webhooks as incoming
from graph.http.request.compression import compressed
from graph.http.request.endpoint import GraphQLEndpoint
from graph.http.request.www_authenticate import WWWAuthenticate
from graph.http.server.gateway import Gateway
from graph.http.server.graceful_stop import Drain
from graph.http.server.health import alive, readiness
from graph.http.server.middleware import AfterWrites, middleware
from graph.http.stream.capacity import Capacity
from graph.http.stream.changes import ChangesEndpoint, News
from graph.http.stream.connection import Live, LiveConnections
from graph.http.stream.event_stream import EventStreams
from graph.http.stream.handshake import SocketEndpoint
from graph.jobs import worker_of
from graph.kit.context import Context
from graph.kit.feed import Place
from graph.kit.storage import Storage
from graph.live.bus import Bus, PostgresBus, channel_of
from graph.live.cursor import Cursors
from graph.live.feed import FeedPages
from graph.live.hub import Hub
from graph.live.rate_sharing import RateSharing
from graph.live.rights import forget
from graph.live.tasks import stop
from graph.platform.billing.payments import StripePayments
from graph.platform.billing.usage_log import UsageLog
from graph.platform.document_processing import document_processor_of
from graph.platform.files import storage_of
from graph.platform.incoming import providers_of
from graph.platform.jobs.metrics import JobMetrics
from graph.platform.jobs.run import Services
from graph.platform.language_models.port import language_model_of, model_terms_of
from graph.platform.webhooks.metrics import WebhookMetrics
from graph.requirements.external_jobs import kinds_of, outbound_of
from graph.schema import schema
from graph.scim.endpoint import Endpoint as ScimEndpoint
from graph.settings import Settings, SettingsError
from graph.webhooks import Webhooks, dispatcher_of

if TYPE_CHECKING:
    from graph.tracing import Tracing

log = structlog.get_logger(__name__)

READ_TO_ANSWER = 4
"""The factor by which an operation may read more bytes than it answers: rows are read whole."""
READY = """
SELECT current_setting('transaction_read_only')::boolean
FROM (VALUES (1)) AS one LEFT JOIN LATERAL (SELECT FROM organizations LIMIT 1) AS tables ON true
"""
"""The query of readiness: true if the database is read-only; an error without tables."""


class State(TypedDict):
    """The state that the lifespan passes to each request."""

    drain: Drain


def create_app(settings: Settings, tracing: "Tracing | None" = None) -> Gateway:
    """Return the ASGI application. Its lifespan connects to the database and keeps it.

    `tracing` is that of the settings by default.
    """
    tracing = tracing or tracing_of(settings)
    database = database_of(settings, READ_TO_ANSWER * settings.max_answer_bytes, tracing)
    viewers = ViewerCache(settings.viewer_cache)
    database.access_changed = viewers.clear
    audience, outbox, storage = api_of(settings), Outbox(settings), storage_of(settings)
    views, metrics = ShareViews(database), Metrics(lambda: pool_use(database))
    operations = Operations(schema, settings, metrics, Refusals(database, settings), tracing)
    webhooks, bulk, payments = (
        Webhooks(database, settings, operations),
        Bulk(operations, settings, lambda session: context_in(session)),  # noqa: PLW0108 (it is defined below)
        StripePayments(database, settings),
    )
    usage, activity = UsageLog.of(database, operations), Activity(database)
    cursors, terms, text_records, sso = (
        Cursors(settings),
        model_terms_of(settings),
        TextRecords(settings.name_servers),
        SingleSignOn.of(database, settings, outbox),
    )
    presence, *waking = _buses(settings) or [
        PostgresBus(database, channel_of(settings, "presence"))
    ]
    sharing = RateSharing(presence, operations.rates)
    hub = Hub(
        database,
        operations,
        cursors,
        sharing,
        *waking,
        rights_changed=partial(forget, viewers),
    )
    feed = FeedPages(database, hub.tail, cursors)

    def context_of(viewer: Viewer, origin: Origin, began: Place | None = None) -> Context:
        views.asked(viewer, origin)
        activity.seen(viewer)
        return context_in(ViewerSession(database, viewer, origin), began)

    def context_in(session: ViewerSession, began: Place | None = None) -> Context:
        return Context(
            session,
            outbox,
            hub.presence,
            feed,
            began,
            storage,
            webhooks,
            terms,
            payments,
            processes_documents=bool(settings.document_processor_url),
            bulk=bulk,
            text_records=text_records,
            sso=sso,
        )

    async def make_context(connection: HTTPConnection, origin: Origin) -> Context:
        began = feed.here()  # before rights are read, so that nothing later is told by them
        viewer = await identify(connection, database, settings, viewers)
        return context_of(viewer, origin, began)

    def known(authorization: str, origin: Origin) -> Context | None:
        viewer = recall(authorization, audience, viewers)
        return context_of(viewer, origin) if viewer else None

    async def renewed(viewer: Viewer) -> Viewer | None:
        return await identify_again(viewer, database, settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[State]:
        async with database:
            if database.shares_login and settings.in_production:
                log.warning("one login", advice="gateway doctor says how requests get their own")
            upkeep = [
                asyncio.create_task(keep_sealing(database)),
                asyncio.create_task(hub.run()),
                asyncio.create_task(sharing.keep_telling()),
                *(asyncio.create_task(one.keep_writing()) for one in (views, usage, activity)),
            ]
            if settings.job_slots:
                upkeep += _work_beside(
                    database,
                    settings,
                    webhooks,
                    metrics,
                    tracing,
                    storage,
                    Services(
                        language_model_of(settings),
                        payments,
                        outbox,
                        usage=usage,
                        operations=bulk,
                        outbound=outbound_of(settings),
                        text_records=text_records,
                    ),
                )
            try:
                with Drain(settings.drain_delay) as drain:
                    yield {"drain": drain}
            finally:
                await live.settle()
                await outbox.settle()
                await _ended(upkeep, usage)
                await storage.close()
                await closed(tracing)

    endpoint = GraphQLEndpoint(operations, make_context, settings, known)
    visitors = LiveConnections(
        lambda shown: identify(shown, database, settings, viewers), renewed, context_of
    )
    live = Live(operations, visitors, hub, Capacity(settings))
    changes = ChangesEndpoint(live, News(feed.here, hub.waiting.watch, context_of), settings)
    streams = EventStreams(live, endpoint)
    app = Gateway(
        endpoint,
        has_page=True,
        routes=[
            Route("/graphql", BrowserRedirect(WWWAuthenticate(streams, settings))),
            WebSocketRoute("/graphql", SocketEndpoint(live, settings)),
            Route("/changes", WWWAuthenticate(compressed(changes), settings)),
            Route("/healthz", alive),
            Route("/readyz", readiness(partial(_ready, database, hub))),
            Route("/metrics", metrics.page(settings)),
            *explorer.routes(settings),
            *editor.routes(database, settings, outbox),
            *plots.routes(database, settings, outbox),
            *drawings.routes(database, settings, outbox),
            *imports.routes(database, settings, outbox, storage, bulk),
            *billing.routes(database, settings, outbox, payments),
            *administration.routes(database, settings, outbox, operations, context_of),
            *ScimEndpoint(database, settings, viewers, operations.rates).routes(),
            *ReportEndpoint(database, settings, viewers, operations.rates).routes(),
            *compliance_pages.routes(database, settings, outbox, operations, context_of, storage),
            *files.routes(storage),
            *incoming.routes(providers_of(settings), database, settings.body_limit, tracing),
            *downloads.routes(database, settings, outbox),
            *shared_page.routes(database, settings, outbox, operations.rates, views, storage),
            *pages.routes(database, settings, outbox),
            *oauth.routes(database, settings, outbox, outbound_of(settings)),
        ],
        middleware=[*middleware(settings), Middleware(AfterWrites, work=viewers.clear)],
        exception_handlers={404: pages.missing, 405: pages.missing},
        lifespan=lifespan,
    )
    app.state.viewers, app.state.storage = viewers, storage
    app.state.views, app.state.activity = views, activity
    return app


def tracing_of(settings: Settings) -> "Tracing | None":
    """Return the traces of this process; None without a collector. Raises SettingsError."""
    if not settings.otel_exporter_otlp_endpoint:
        return None
    try:
        from graph.tracing import Tracing  # noqa: PLC0415 (an optional package)
    except ImportError as error:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT needs packages of the extra `tracing`:"
            " pip install 'gateway[tracing]'."
        ) from error
    return Tracing.of(settings)


async def closed(tracing: "Tracing | None") -> None:
    """Send the traces that are left."""
    if tracing is not None:
        await asyncio.to_thread(tracing.close)


def database_of(
    settings: Settings, largest_read: int | None = None, tracing: "Tracing | None" = None
) -> Database:
    """Return the database that these settings name; entering it connects.

    `largest_read` is the bytes that an operation may read from it.
    """
    return Database(
        settings.logins,
        app_connections=settings.app_connections,
        auth_connections=settings.auth_connections,
        orm_connections=settings.orm_connections,
        oauth_connections=settings.oauth_connections,
        wait=settings.connection_wait,
        statement_timeout=settings.statement_timeout,
        largest_read=largest_read,
        trace=tracing.statement if tracing else None,
    )


def _work_beside(
    database: Database,
    settings: Settings,
    webhooks: Webhooks,
    metrics: Metrics,
    tracing: "Tracing | None",
    storage: Storage,
    services: Services,
) -> list["asyncio.Task[None]"]:
    """Start to run jobs and to send webhooks beside requests."""
    slots, days = settings.job_slots, settings.webhook_retention_days
    counted = JobMetrics(metrics.registry)
    worker = worker_of(
        database,
        slots,
        counted,
        tracing,
        days,
        storage,
        services,
        kinds_of(outbound_of(settings), document_processor_of(settings), storage),
    )
    sent = WebhookMetrics(metrics.registry)
    dispatcher = dispatcher_of(webhooks, database, settings, sent, services.usage)
    return [asyncio.create_task(each) for each in (worker.run(), dispatcher.run())]


async def _ended(tasks: "list[asyncio.Task[None]]", usage: UsageLog) -> None:
    """Stop the tasks, then write the usage of the jobs and deliveries that they have ended."""
    await stop(*tasks)
    await usage.finish()


def pool_use(database: Database) -> PoolUse:
    """Return the numbers of open and used connections, by pool, for the metrics."""
    pools = {"application": database.app, "authentication": database.auth}
    return {name: (pool.size, pool.size - pool.idle) for name, pool in pools.items()}


def _buses(settings: Settings) -> list[Bus]:
    """Return the buses of presence and wake-ups between processes; none to use the database."""
    if not settings.redis_url:
        return []
    from graph.live.redis_bus import RedisBus  # noqa: PLC0415 (5 MB that most have no use for)

    return [RedisBus(settings, name) for name in ("presence", "feed")]


async def _ready(database: Database, hub: Hub) -> str | None:
    """Return the reason why requests cannot be served; None when they can."""
    try:
        for pool in (database.auth, database.app):  # who asks, and what they ask
            async with pool.lend(NOBODY) as connection:
                reads_only = await connection.fetchval(READY)
    except (Problem, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return "The database cannot be reached, has no connection to spare, or no tables."
    if reads_only:
        return "The database takes no writes."
    return None if hub.tail.started.is_set() else "The feed is not followed yet."
