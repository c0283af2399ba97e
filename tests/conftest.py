"""A real PostgreSQL for every test: one server a run, one migrated template, one copy a worker.

`GATEWAY_PG_BIN` runs the tests on other programs of PostgreSQL, `TEST_DATABASE_URL` on a server
that is there already (its user creates databases and roles). `GATEWAY_NO_SKIP` makes a failure of
every test that would be skipped. `GATEWAY_OTHER_EXAMPLES` gives property-based tests other examples
in each run.
"""

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import hypothesis
import pytest
import structlog
from starlette.applications import Starlette

from auth.credentials import activity
from db.embedded.cluster import Embedded
from db.pool import Database
from graph.app import create_app
from graph.settings import Settings
from migrations.run import upgrade
from tests.browsing import browser
from tests.costs import Costs
from tests.forked import warm_up
from tests.world import World, found

__all__ = ["browser"]

activity.INTERVAL = 3_600.0  # who watches what a request writes is not to see this, too
TEMPLATE = "gateway_template"
SECRET = "a secret that only the tests use, long enough"
SHARED_MEMORY = Path("/dev/shm")
SERVER = {
    "max_connections": "400",
    # What is written is not to outlive a crash: nothing waits for a disk.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # The server does nothing by itself that a test could meet one time and not another.
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "jit": "off",
}
"""Parameters of the server: those for which an answer is the same, and sooner there."""

PATIENCE = {"statement_timeout": 15.0, "connection_wait": 15.0, "operation_timeout": 30.0}
"""Limits, in seconds, that a busy machine does not reach; a test that is about one sets its own."""

hypothesis.settings.register_profile(
    "gateway", derandomize="GATEWAY_OTHER_EXAMPLES" not in os.environ
)
hypothesis.settings.load_profile("gateway")

_embedded: list[Embedded] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the storms at their full size")


def pytest_configure(config: pytest.Config) -> None:
    """Start the server and migrate the template, once, before the workers start."""
    config.pluginmanager.register(Costs(config))
    structlog.configure(  # lines are made and dropped; tests of the log set it up as servers do
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer()],
        logger_factory=structlog.ReturnLoggerFactory(),
    )
    # A server that a test starts leaves jobs and webhooks to the tests that are about them.
    os.environ["JOB_SLOTS"] = "0"
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    if not os.environ.get("TEST_DATABASE_URL"):
        base = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        programs = os.environ.get("GATEWAY_PG_BIN")
        embedded = Embedded(
            Path(tempfile.mkdtemp(prefix="gateway-tests-", dir=base)) / "postgresql",
            settings=SERVER,
            binaries=Path(programs) if programs else None,
        ).start()
        _embedded.append(embedded)
        os.environ["TEST_DATABASE_URL"] = embedded.superuser_dsn()
        os.environ["TEST_LOGIN_URL"] = embedded.dsn()
    asyncio.run(_run(f"DROP DATABASE IF EXISTS {TEMPLATE}", f"CREATE DATABASE {TEMPLATE}"))
    upgrade(dsn_of(TEMPLATE, superuser=True))


def pytest_unconfigure(config: pytest.Config) -> None:
    for embedded in _embedded:
        embedded.stop()
        shutil.rmtree(embedded.directory.parent, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run modules with long tests first, so that no worker is left alone with one at the end."""
    markers = ("storm", "exhaustive", "processes")
    of = [{item.path for item in items if item.get_closest_marker(name)} for name in markers]
    items.sort(key=lambda item: [item.path not in paths for paths in of])


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave all tests out of collections of garbage, of which pytest makes some at the end.

    If some start servers, what these are forked from is started.
    """
    gc.freeze()
    if any(item.get_closest_marker("processes") for item in session.items):
        warm_up()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are processors: many tests wait for servers."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Fail skipped tests under GATEWAY_NO_SKIP: a run must prove all it claims."""
    report = (yield).get_result()
    if report.skipped and os.environ.get("GATEWAY_NO_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"


def dsn_of(database: str, *, superuser: bool = False) -> str:
    """Return a database of the test server, as the gateway logs in, or as its superuser."""
    url = os.environ["TEST_DATABASE_URL"]
    if not superuser:
        url = os.environ.get("TEST_LOGIN_URL", url)
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def _run(*statements: str) -> None:
    connection = await asyncpg.connect(os.environ["TEST_DATABASE_URL"])
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


class Superuser(asyncpg.Connection):
    """A connection that calls all of `listeners` after each statement that may have written."""

    listeners: ClassVar[list[Callable[[], None]]] = []

    async def execute(self, *args: Any, **options: Any) -> str:
        return await self._then(super().execute(*args, **options))

    async def executemany(self, *args: Any, **options: Any) -> None:
        return await self._then(super().executemany(*args, **options))

    async def fetchval(self, *args: Any, **options: Any) -> Any:
        return await self._then(super().fetchval(*args, **options))

    async def _then(self, statement: Awaitable[Any]) -> Any:
        try:
            return await statement
        finally:
            for written in self.listeners:
                written()


@pytest.fixture(scope="session")
def full(pytestconfig: pytest.Config) -> bool:
    """Return whether the storms run at their full size."""
    return bool(pytestconfig.getoption("full"))


@pytest.fixture(scope="session")
def server_dsn() -> str:
    """Return the address of the server's maintenance database, as a user who may create roles."""
    return os.environ["TEST_DATABASE_URL"]


@pytest.fixture(scope="session")
async def database_dsn(worker_id: str) -> str:
    """Return a database of this worker's own, as the gateway logs in."""
    name = f"gateway_{worker_id}"
    await _run(
        f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
        f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY",
        f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC",  # a copy lacks it
    )
    return dsn_of(name)


@pytest.fixture(scope="session")
def superuser_dsn(database_dsn: str) -> str:
    """Return the address of this worker's database as a superuser."""
    return dsn_of(urlsplit(database_dsn).path.removeprefix("/"), superuser=True)


@pytest.fixture(scope="session")
async def superuser(superuser_dsn: str) -> AsyncIterator[Superuser]:
    """Yield a superuser's connection to this worker's database."""
    connection = await asyncpg.connect(superuser_dsn, connection_class=Superuser)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def database(database_dsn: str) -> AsyncIterator[Database]:
    """Yield the gateway's pools."""
    limits = {
        "wait": PATIENCE["connection_wait"],
        "statement_timeout": PATIENCE["statement_timeout"],
    }
    async with Database(database_dsn, app_connections=5, orm_connections=5, **limits) as database:
        yield database


@pytest.fixture(scope="session")
def settings(database_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of the application under test."""
    return Settings(
        database_url=database_dsn,
        gateway_secret=SECRET,
        gateway_data_dir=tmp_path_factory.mktemp("data"),
        public_url="http://localhost",
        allowed_hosts=("localhost", "127.0.0.1", "testserver"),
        job_slots=0,  # tests run the jobs that they are about
        document_cache=200_000_000,  # several people ask the same of the whole schema
        outbound_networks="127.0.0.0/8",
        outbound_http=True,
        **PATIENCE,
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Starlette]:
    """Run the whole application, as it is served, without its server.

    Rows that tests write with plain SQL are visible at once, although the feed has no events of
    them.
    """
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        Superuser.listeners.append(app.state.viewers.clear)
        yield app
        Superuser.listeners.remove(app.state.viewers.clear)


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[Starlette]:
    """Yield the application under test."""
    async with running(settings) as app:
        yield app


@pytest.fixture(scope="session")
async def client(app: Starlette, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Yield an HTTP client without credentials."""
    database.access_changed = app.state.viewers.clear
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
async def world(
    superuser: asyncpg.Connection, database: Database, client: httpx.AsyncClient
) -> AsyncIterator[World]:
    """Yield a tenant of this test's own: people in every role, a project, a document, and more."""
    founded = await found(superuser, database, client)
    yield founded
    await founded.close_projects()


@pytest.fixture
async def other_world(
    superuser: asyncpg.Connection, database: Database, client: httpx.AsyncClient
) -> AsyncIterator[World]:
    """Yield another tenant, which nobody in `world` can see."""
    founded = await found(superuser, database, client)
    yield founded
    await founded.close_projects()
