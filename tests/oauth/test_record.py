"""The audit events of OAuth, and the secrets that neither they nor the log contain."""

import asyncio
import logging
from dataclasses import replace

import httpx
import pytest

from auth.oauth.registry import disable
from graph.app import create_app
from tests import networks
from tests.oauth.conftest import ISSUER, VERIFIER
from tests.oauth.test_refresh import AGO


async def test_every_event_is_recorded_with_its_control(
    database, planner, person, events, superuser
):
    first = await planner.connect(person)
    second = (await planner.refresh(first["refresh_token"])).json()
    await planner.revoke(second["access_token"])
    await planner.revoke(second["access_token"])
    await superuser.execute(AGO, planner.client_id)
    await planner.refresh(first["refresh_token"])
    await planner.refresh(first["refresh_token"])
    await disable(database, planner.client_id)
    recorded = await events(planner.client_id)
    assert [event["action"] for event in recorded] == [
        "register",
        "consent",
        "issue",
        "issue",
        "revoke",
        "reuse",
        "disable",
    ]
    assert {event["soc2_control"] for event in recorded} == {"CC6.1"}
    of = {event["action"]: event for event in recorded}
    assert of["reuse"]["severity"] == "high"
    assert of["consent"]["actor_id"] == person.id
    for action in ("consent", "issue", "reuse"):
        assert of[action]["user_id"] == person.id
        assert of[action]["ip_address"] is not None
        assert of[action]["request_id"] is not None
    for secret in (*first.values(), *second.values(), planner.secret, VERIFIER):
        if isinstance(secret, str) and secret.startswith("rq"):
            assert secret[4:47] not in str(recorded)


async def test_a_wrong_secret_is_recorded(planner, events):
    form = {"grant_type": "client_credentials"}
    await planner.post("token", form, auth=(planner.client_id, "wrong"))
    event = (await events(planner.client_id))[-1]
    assert (event["action"], event["event_type"]) == ("authenticate", "login_failed")
    assert (event["soc2_control"], event["severity"]) == ("CC6.1", "medium")


async def test_no_secret_reaches_the_log_at_any_level(planner, robot, person, http, caplog):
    caplog.set_level(logging.DEBUG)
    secrets = [planner.secret, robot.secret, VERIFIER]
    code = await planner.code(person)
    tokens = (await planner.redeem(code)).json()
    again = (await planner.refresh(tokens["refresh_token"])).json()
    own = (await robot.token(grant_type="client_credentials")).json()
    await planner.introspect(again["access_token"])
    await planner.revoke(again["refresh_token"])
    await planner.redeem(code)
    for given in (tokens, again, own):
        secrets += [given[name] for name in ("access_token", "refresh_token") if name in given]
    ours = [
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith(("httpx", "httpcore"))  # the test's own client
    ]
    for secret in (*secrets, code):
        assert not [line for line in ours if secret in line]


@pytest.fixture
async def hasty(settings, planner):
    """Yield the application at a gateway whose statements time out after half a second."""
    app = create_app(settings.model_copy(update={"statement_timeout": 0.5}))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=(networks.address(), 50000))
        async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as http:
            yield replace(planner, http=http)


WAITING = """
SELECT pid FROM pg_locks WHERE relation = 'audit_logs'::regclass AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.mark.parametrize("ended", [False, True], ids=["too slow", "ended by the server"])
async def test_what_cannot_be_recorded_is_not_done_and_is_tried_again(
    planner, hasty, person, superuser, ended
):
    code = await hasty.code(person)
    async with superuser.transaction():
        await superuser.execute("LOCK TABLE audit_logs")
        asked = asyncio.create_task(hasty.redeem(code))
        while ended and not asked.done():
            if pid := await superuser.fetchval(WAITING):
                await superuser.execute("SELECT pg_terminate_backend($1, 1000)", pid)
            await asyncio.sleep(0.01)
        answer = await asked
    assert answer.status_code in (503, 504)
    assert answer.json()["error"] == "temporarily_unavailable"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (await planner.redeem(code)).status_code == 200
