"""How often applications may call (W08), and what is cleaned up behind them."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from auth import oauth
from auth.oauth.upkeep import clean


async def test_w08_wrong_secrets_slow_down_those_that_follow(planner, dial, settings):
    planner.http, form = dial(), {"grant_type": "client_credentials"}
    wrong = planner.client_id, "wrong"
    for _ in range(settings.sign_in_attempts):
        assert (await planner.post("token", form, auth=wrong)).status_code == 401
    answer = await planner.post("token", form, auth=wrong)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["error"] == "temporarily_unavailable"
    right = await planner.post("token", form)
    assert right.status_code == 429  # whoever guesses right in the end is not let in either
    planner.http = dial()
    assert (await planner.post("token", form)).status_code == 400  # its owner is elsewhere


@pytest.fixture
async def strict(database, settings):
    """The endpoints, with five calls a minute."""
    few = settings.model_copy(update={"client_requests": 5})
    transport = httpx.ASGITransport(
        Starlette(routes=oauth.routes(database, few)), client=("10.99.1.1", 5)
    )
    async with httpx.AsyncClient(transport=transport, base_url=few.url) as http:
        yield http


async def test_an_application_calls_so_often_a_minute(robot, applications, strict):
    robot.http, form = strict, {"grant_type": "client_credentials"}
    calls = await asyncio.gather(*(robot.post("token", form) for _ in range(8)))
    assert sorted(call.status_code for call in calls) == [200] * 5 + [429] * 3
    assert "retry-after" in next(call for call in calls if call.status_code == 429).headers
    other = await applications(grant_types=("client_credentials",))
    other.http = strict
    assert (await other.post("token", form)).status_code == 200


OLD = (
    "UPDATE oauth_{} SET created_at = now() - interval '40 days',"
    " expires_at = now() - interval '8 days' WHERE client_id = $1"
)
TABLES = ("authorization_codes", "access_tokens", "refresh_tokens", "pushed_requests")


async def test_what_has_long_expired_is_deleted_in_batches(database, planner, people, superuser):
    async def left():
        count = "SELECT count(*) FROM oauth_{} WHERE client_id = $1"
        return [await superuser.fetchval(count.format(t), planner.client_id) for t in TABLES]

    old, person = await people(), await people()
    for _ in range(3):
        tokens = await planner.connect(old)
        await planner.refresh(tokens["refresh_token"])
        await planner.post("par", planner.question())
    for table in TABLES:
        await superuser.execute(OLD.format(table), planner.client_id)
    fresh = await planner.connect(person)
    assert await left() == [4, 7, 7, 3]
    assert await clean(database, batch=2) >= 18
    assert await left() == [1, 1, 1, 0]
    assert (await planner.refresh(fresh["refresh_token"])).status_code == 200
