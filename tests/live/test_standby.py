"""A gateway on a hot standby serves reads, follows replicated events, and refuses writes."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from auth.oauth.registry import register
from db.attempts import Attempts
from db.audit import sealing
from db.pool import Database
from graph import app
from graph.commands.doctor import examine
from graph.settings import Settings
from tests.auth.conftest import sign_in
from tests.conftest import SECRET
from tests.http.connected import socket
from tests.live.storm import FOLLOW, founded, until
from tests.live.test_hub import UPDATE
from tests.serving import served

pytestmark = pytest.mark.processes

NAMED = """query ($id: UUID!) {
    requirement(id: $id) { name history(first: 5) { nodes { version } } } }"""
CREATE = """mutation { organizationCreate(input: {name: "New", slug: "new-here"}) {
    organization { id } } }"""
REFUSAL = "The database takes no writes."
TASKS = {"sealing", "claiming jobs"}
"""Tasks that write at every run."""
OTHERS = {"recording usage", "recording the activity of members"}
"""Tasks that write what requests have left."""
MANY = 5


@pytest.fixture
def failures(monkeypatch):
    """Return the number of failures of each task; tasks run all the time, not every few minutes."""
    for module, names in {
        sealing: ("BUSY_PAUSE", "IDLE_PAUSE"),
    }.items():
        for name in names:
            monkeypatch.setattr(module, name, 0.05)
    counted = Counter()
    failed = Attempts.failed

    def count(self, error):
        counted[self._task] += 1
        failed(self, error)

    monkeypatch.setattr(Attempts, "failed", count)
    return counted


@asynccontextmanager
async def gateway(dsn: str, folder: Path):
    """Yield a client of a gateway on this database, and the gateway's settings."""
    settings = Settings(
        database_url=dsn, gateway_secret=SECRET, gateway_data_dir=folder, job_slots=1
    )
    async with (
        served(lambda url: app.create_app(settings.model_copy(update={"public_url": url}))) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client, settings


async def test_what_a_standby_has_is_read_and_followed_and_not_written(servers, tmp_path, failures):
    world = await founded(servers.primary)
    servers.copy(streams=True)
    servers.replica.start()
    id, document = str(world.requirement), str(world.document)
    async with Database(servers.primary.dsn()) as database:
        application = await register(
            database, "Reader", grant_types=("client_credentials",), scope="requirements:read"
        )
    headers = {
        "authorization": f"Bearer {await world.token('editor')}",
        "accept": "application/graphql-response+json",
    }

    async def ask(client, query, **variables):
        body = {"query": query, "variables": variables}
        return await client.post("/graphql", json=body, headers=headers)

    async def rename(client, version):
        return await ask(client, UPDATE, id=id, v=version, name=f"Name {version}")

    with capture_logs() as lines:
        async with (
            gateway(servers.primary.dsn(), tmp_path) as (primary, _),
            gateway(servers.replica.dsn(), tmp_path) as (standby, settings),
            socket(str(standby.base_url), await world.token("viewer")) as following,
        ):
            ready = await standby.get("/readyz")
            assert (ready.status_code, ready.json()["reason"]) == (503, REFUSAL)
            assert (await standby.get("/healthz")).status_code == 200
            findings = await asyncio.to_thread(examine, settings)
            assert "takes no writes" in {finding.state for finding in findings}

            for query, variables in ((UPDATE, {"id": id, "v": 1, "name": "No"}), (CREATE, {})):
                refused = await ask(standby, query, **variables)
                (error,) = refused.json()["errors"]
                assert error["message"] == REFUSAL
                assert error["extensions"] == {"code": "BUSY", "retryable": True}

            form = {"grant_type": "client_credentials"}
            auth = (application.client_id, application.secret)
            refused = await standby.post("/oauth/token", data=form, auth=auth)
            assert (refused.status_code, refused.json()) == (
                503,
                {"error": "temporarily_unavailable", "error_description": REFUSAL},
            )
            refused = await sign_in(standby, world.email("editor"), "no password of theirs")
            assert refused.status_code == 503
            assert REFUSAL in refused.text

            await following.subscribe("1", FOLLOW, id=document)
            await following.receive()
            assert "errors" not in (await rename(primary, 1)).json()
            event = (await following.receive())["payload"]["data"]["documentChanged"]
            assert (event["version"], event["entity"]["name"]) == (2, "Name 1")
            read = (await ask(standby, NAMED, id=id)).json()["data"]["requirement"]
            assert read == {"name": "Name 1", "history": {"nodes": [{"version": 2}]}}

            await until(lambda: all(failures[task] >= MANY for task in TASKS), failures)
            logged = [one for one in lines if one["log_level"] in ("warning", "error")]
            told = Counter(one["event"] for one in logged if one["event"] not in OTHERS)
            assert told == dict.fromkeys(TASKS, 1), logged
            assert {one["log_level"] for one in logged} == {"warning"}, logged

            await servers.promote()
            told = (await following.receive())["payload"]["data"]["documentChanged"]
            assert told["kind"] == "RESYNC"
            assert (await standby.get("/readyz")).status_code == 200
            assert "errors" not in (await rename(standby, 2)).json()
            event = (await following.receive())["payload"]["data"]["documentChanged"]
            assert event["version"] == 3
            await until(lambda: {one["event"] for one in lines if "works" in one} >= TASKS, lines)
