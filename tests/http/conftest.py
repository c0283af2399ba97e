"""A toy schema in this process, and behind a server process of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

from graph.app import create_app
from graph.settings import Settings
from tests.forked import Forked
from tests.http.keyed import Keyed
from tests.http.toy import create_toy, seen, serve
from tests.world import World

ROOT = Path(__file__).parents[2]
SIGNED_IN = {"authorization": "Bearer good"}
NEWER = {"accept": "application/graphql-response+json"}


@dataclass
class Served:
    """A server process, and its log so far."""

    process: Forked
    log: Path

    @cached_property
    def port(self) -> int:
        """Return the port, once the process listens."""
        port = self.process.stdout.readline()
        assert port, self.log.read_text()
        return int(port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(folder: Path, **settings: object) -> Iterator[Served]:
    """Yield the toy behind uvicorn, with these settings."""
    log = folder / "log"
    variables = {name.upper(): str(value) for name, value in settings.items()}
    log.touch()
    with Forked(serve, log=log, **variables) as process:
        try:
            yield Served(process, log)
        finally:
            process.kill()


async def ended(served: Served) -> None:
    """Wait until the process has ended."""
    while served.process.poll() is None:  # noqa: ASYNC110 (it is no child of the loop's)
        await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a server with a second for the head of a request, and half of one for its body."""
    folder = tmp_path_factory.mktemp("served")
    limits = {"head_timeout": 1, "body_timeout": 0.5, "drain_delay": 0}
    with serving(folder, gateway_env="production", metrics_token="scraper", **limits) as served:
        yield served


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a server for long connections, with narrow limits."""
    limits = {
        "live_init_timeout": 1,
        "live_subscriptions_per_connection": 5,
        "cors_origins": "https://app.example",
        "drain_delay": 0,
    }
    folder = tmp_path_factory.mktemp("live")
    with serving(folder, gateway_env="production", metrics_token="scraper", **limits) as served:
        yield served


@pytest.fixture
async def client_with() -> AsyncIterator[Callable[..., httpx.AsyncClient]]:
    """Yield a function that makes clients of a toy with other settings."""
    clients: list[httpx.AsyncClient] = []

    def client_with(ready: Any = None, contexts: Any = None, **settings: Any) -> httpx.AsyncClient:
        options = {"contexts": contexts} if contexts else {}
        app = create_toy(Settings(**settings), ready, **options)
        transport = httpx.ASGITransport(app, raise_app_exceptions=True)
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://localhost:8000"))
        return clients[-1]

    yield client_with
    for client in clients:
        await client.aclose()


@pytest.fixture
async def toy(client_with: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    """Return a client of the toy as it is by default, without credentials."""
    seen.cancelled = seen.finished = 0
    seen.release.clear()
    return client_with()


@pytest.fixture
async def signed_in(toy: httpx.AsyncClient) -> httpx.AsyncClient:
    """Return the same client, showing a token."""
    toy.headers.update(SIGNED_IN)
    return toy


@pytest.fixture
def keyed(world: World) -> Keyed:
    """Return the requests of an editor, under keys."""
    return Keyed(world)


@pytest.fixture
def gateway(settings: Settings) -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    """Return a function that makes clients of another gateway on the same database."""

    @asynccontextmanager
    async def gateway(**changes: Any) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(settings.model_copy(update=changes))
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as other:
                yield other

    return gateway
