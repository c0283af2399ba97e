"""The gateway with each storage: a folder, and a bucket of a server that is compatible with S3."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx
import pytest
from moto.server import ThreadedMotoServer
from pydantic import SecretStr
from starlette.applications import Starlette

from db.pool import Database
from graph.platform.files import s3
from graph.settings import Settings
from tests.conftest import running
from tests.storage.uploading import Uploading
from tests.world import World, found

BUCKET = "gateway-files"


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Yield the address of a server of S3 on this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
async def s3_settings(settings: Settings, s3_endpoint: str) -> Settings:
    """Return the settings of a gateway with a bucket."""
    with_bucket = settings.model_copy(
        update={
            "s3_bucket": BUCKET,
            "s3_endpoint": s3_endpoint,
            "s3_access_key": "AKIATESTS",
            "s3_secret_key": SecretStr("a secret of tests"),
        }
    )
    bucket = s3.S3(with_bucket)
    await bucket._send("PUT", "")
    await bucket.close()
    return with_bucket


@pytest.fixture(scope="session")
async def s3_app(s3_settings: Settings) -> AsyncIterator[Starlette]:
    """Yield an application that stores files in the bucket."""
    async with running(s3_settings) as app:
        yield app


@pytest.fixture
async def bucket(
    superuser: asyncpg.Connection,
    database: Database,
    s3_app: Starlette,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Uploading]:
    """Yield a tenant of the gateway with a bucket, whose parts are as small as S3 allows."""
    monkeypatch.setattr(s3, "PART", 5 * 2**20)
    transport = httpx.ASGITransport(s3_app)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as api,
        httpx.AsyncClient() as outside,
    ):
        yield Uploading(await found(superuser, database, api), s3_app.state.storage, outside)


@pytest.fixture(params=["folder", "s3"])
async def place(
    request: pytest.FixtureRequest, world: World, app: Starlette, bucket: Uploading
) -> Uploading:
    """Return a tenant of each gateway in turn."""
    if request.param == "s3":
        return bucket
    return Uploading(world, app.state.storage, world.client)
