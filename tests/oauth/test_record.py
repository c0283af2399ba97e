"""What is recorded, and what is kept out of the record and the log."""

import logging

from auth.oauth.registry import disable
from tests.oauth.conftest import VERIFIER
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
