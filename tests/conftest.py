"""A real PostgreSQL for every test: one server a run, one migrated template, one copy a worker.

`GATEWAY_PG_BIN` runs the tests on other programs of PostgreSQL, `TEST_DATABASE_URL` on a server
that is there already (its user creates databases and roles). `GATEWAY_NO_SKIP` makes a failure of
every test that would be skipped.
"""

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
import pytest
import structlog
from starlette.applications import Starlette

from db.embedded import Embedded
from db.pool import Database
from graph.app import create_app
from graph.settings import Settings
from migrations.run import upgrade
from tests.world import World, found

TEMPLATE = "gateway_template"
SECRET = "a secret that only the tests use, long enough"
SHARED_MEMORY = Path("/dev/shm")

_embedded: list[Embedded] = []


def pytest_configure(config: pytest.Config) -> None:
    """Start the server and migrate the template, once, before the workers start."""
    gc.set_threshold(200_000, 50, 50)  # a test leaves little behind, and looking for it costs more
    structlog.configure(  # lines are made and dropped; tests of the log set it up as servers do
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.JSONRenderer()],
        logger_factory=structlog.ReturnLoggerFactory(),
    )
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    if not os.environ.get("TEST_DATABASE_URL"):
        base = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        programs = os.environ.get("GATEWAY_PG_BIN")
        embedded = Embedded(
            Path(tempfile.mkdtemp(prefix="gateway-tests-", dir=base)) / "postgresql",
            settings={"fsync": "off", "max_connections": "200"},
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
    """Modules with long tests come first, so that no worker is left alone with one at the end."""
    long = {item.path for item in items if item.get_closest_marker("exhaustive")}
    items.sort(key=lambda item: item.path not in long)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Under GATEWAY_NO_SKIP what is skipped has failed: a run must prove all it claims."""
    report = (yield).get_result()
    if report.skipped and os.environ.get("GATEWAY_NO_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"


def dsn_of(database: str, *, superuser: bool = False) -> str:
    """A database of the test server, as the gateway logs in, or as its superuser."""
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


@pytest.fixture(scope="session")
def server_dsn() -> str:
    """The server's maintenance database, as a user who may create databases and roles."""
    return os.environ["TEST_DATABASE_URL"]


@pytest.fixture(scope="session")
async def database_dsn(worker_id: str) -> str:
    """A database of this worker's own, as the gateway logs in."""
    name = f"gateway_{worker_id}"
    await _run(
        f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
        f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY",
    )
    return dsn_of(name)


@pytest.fixture(scope="session")
def superuser_dsn(database_dsn: str) -> str:
    """The database of this worker, as somebody whom nothing is hidden from."""
    return dsn_of(urlsplit(database_dsn).path.removeprefix("/"), superuser=True)


@pytest.fixture(scope="session")
async def superuser(superuser_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to this worker's database that nothing is hidden from."""
    connection = await asyncpg.connect(superuser_dsn)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def database(database_dsn: str) -> AsyncIterator[Database]:
    """The gateway's pools."""
    async with Database(database_dsn, app_connections=5, orm_connections=5) as database:
        yield database


@pytest.fixture(scope="session")
def settings(database_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """What the application under test is set to."""
    return Settings(
        database_url=database_dsn,
        gateway_secret=SECRET,
        gateway_data_dir=tmp_path_factory.mktemp("data"),
        public_url="http://localhost",
        allowed_hosts=("localhost", "127.0.0.1", "testserver"),
    )


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[Starlette]:
    """The whole application, as it is served."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="session")
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody's HTTP client, without credentials."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
async def world(
    superuser: asyncpg.Connection, database: Database, client: httpx.AsyncClient
) -> World:
    """A tenant of this test's own: people in every role, a project, a document, requirements."""
    return await found(superuser, database, client)


@pytest.fixture
async def other_world(
    superuser: asyncpg.Connection, database: Database, client: httpx.AsyncClient
) -> World:
    """Another tenant, of which nobody in `world` knows."""
    return await found(superuser, database, client)
