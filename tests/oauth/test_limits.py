"""The rate limits of applications (W08), and the cleanup of their expired rows."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from auth import oauth
from auth.accounts.mail import Outbox
from auth.credentials import throttle
from auth.oauth.cleanup import clean
from auth.oauth.registry import rotate
from tests import networks
from tests.oauth.conftest import bearer, path_of, press
from tests.oauth.waiting import DEVICE_CODE, device


async def test_w08_wrong_secrets_slow_down_wrong_ones_and_never_the_right_one(
    planner, dial, settings, database
):
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
    assert right.json()["error"] == "unauthorized_client"  # known, from the same network
    posted = {**form, "client_id": planner.client_id, "client_secret": planner.secret}
    assert (await planner.http.post("/oauth/token", data=posted)).status_code == 400
    assert await rotate(database, planner.client_id)
    former = await planner.post("token", form)
    assert former.json()["error"] == "unauthorized_client"  # good for a while, and waits for none


async def test_the_right_secret_waits_for_no_others_of_its_network(robot, strict):
    robot.http, form = strict, {"grant_type": "client_credentials"}
    for n in range(60):  # more than a network may send in all
        wrong = (robot.client_id if n % 2 else f"rqc-{n}", "wrong")
        await strict.post("/oauth/token", data=form, auth=wrong)
    assert (await robot.post("token", form, auth=wrong)).status_code == 429
    calls = [(await robot.post("token", form)).status_code for _ in range(6)]
    assert calls == [200] * 5 + [429]  # as many as are let through in its own name


async def test_a_registration_is_kept_from_nobody_by_wrong_tokens(canvas, strict):
    made, _ = canvas
    address = path_of(made)
    for headers in ({}, bearer("rqg_wrong")):
        calls = [await strict.get(address, headers=headers) for _ in range(20)]
        assert 429 in [call.status_code for call in calls]
    answer = await strict.get(address, headers=bearer(made["registration_access_token"]))
    assert (answer.status_code, answer.json()["client_id"]) == (200, made["client_id"])


async def test_a_public_application_is_kept_out_by_no_wrong_secrets(spa, dial, settings):
    spa.http = dial()
    wrong = {"token": "x", "client_id": spa.client_id, "client_secret": "wrong"}
    for _ in range(settings.sign_in_attempts + 1):
        await spa.http.post("/oauth/revoke", data=wrong)
    assert (await spa.http.post("/oauth/revoke", data=wrong)).status_code == 429
    right = {"token": "x", "client_id": spa.client_id}
    assert (await spa.http.post("/oauth/revoke", data=right)).status_code == 200


@pytest.fixture
async def dial_strict(database, settings, monkeypatch):
    """Yield a function that makes HTTP clients of endpoints that allow five calls a minute.

    The first wait is a minute, which no machine is so slow as to sit out.
    """
    monkeypatch.setattr(throttle, "INITIAL_DELAY", 60.0)
    few = settings.model_copy(update={"client_requests": 5})
    app, opened = Starlette(routes=oauth.routes(database, few, Outbox(few))), []

    def dial():
        ip = networks.address()
        transport = httpx.ASGITransport(app, client=(ip, 5))
        opened.append(httpx.AsyncClient(transport=transport, base_url=few.url))
        return opened[-1]

    yield dial
    for http in opened:
        await http.aclose()


@pytest.fixture
def strict(dial_strict):
    """Return a client in one network."""
    return dial_strict()


@pytest.mark.parametrize("path", ["par", "device", "token", "revoke", "introspect"])
async def test_every_endpoint_counts_an_application_in_a_network(path, planner, dial_strict):
    planner.http = dial_strict()
    calls = [await planner.post(path, {"token": "x"}) for _ in range(6)]
    assert 429 not in [call.status_code for call in calls[:5]]
    late = calls[5]
    assert late.status_code == 429
    assert 1 <= int(late.headers["retry-after"]) <= 60
    assert late.json()["error"] == "temporarily_unavailable"
    assert late.headers["cache-control"] == "no-store"
    assert "Retry-After" in late.headers["access-control-expose-headers"]
    planner.http = dial_strict()  # the same application in another network goes on
    assert (await planner.post(path, {"token": "x"})).status_code != 429


async def test_calls_of_different_endpoints_are_counted_together(planner, strict):
    planner.http = strict
    paths = ("par", "device", "token", "revoke", "introspect", "revoke")
    calls = [await planner.post(path, {"token": "x"}) for path in paths]
    assert [call.status_code == 429 for call in calls] == [False] * 5 + [True]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_managing_a_registration_is_counted(method, planner, strict):
    address = f"/oauth/register/{planner.client_id}"
    calls = [await strict.request(method, address) for _ in range(6)]
    assert [call.status_code for call in calls] == [401] * 5 + [429]
    assert 1 <= int(calls[5].headers["retry-after"]) <= 60


async def test_registering_is_counted_even_when_it_is_refused(strict):
    calls = [await strict.post("/oauth/register", json={}) for _ in range(6)]
    assert [call.status_code for call in calls] == [400] * 5 + [429]
    assert 1 <= int(calls[5].headers["retry-after"]) <= 60


async def test_a_network_calls_in_so_many_names_together(strict):
    forms = [{"client_id": f"rqc-{n}", "token": "x"} for n in range(100)]
    calls = [(await strict.post("/oauth/revoke", data=form)).status_code for form in forms]
    assert calls[:50] == [401] * 50
    assert 429 in calls


async def test_an_application_calls_so_often_a_minute(robot, applications, strict):
    robot.http, form = strict, {"grant_type": "client_credentials"}
    calls = await asyncio.gather(*(robot.post("token", form) for _ in range(8)))
    assert sorted(call.status_code for call in calls) == [200] * 5 + [429] * 3
    assert "retry-after" in next(call for call in calls if call.status_code == 429).headers
    other = await applications(grant_types=("client_credentials",))
    other.http = strict
    assert (await other.post("token", form)).status_code == 200


async def test_so_often_a_minute_browsers_come_from_it(planner, applications, robot, strict):
    visits = await asyncio.gather(*(planner.open(strict) for _ in range(8)))
    assert sorted(visit.status_code for visit in visits) == [303] * 5 + [429] * 3
    late = next(visit for visit in visits if visit.status_code == 429)
    assert 1 <= int(late.headers["retry-after"]) <= 60
    assert late.headers["content-type"].startswith("text/html")
    assert late.headers["cache-control"] == "no-store"
    assert "Too many requests" in late.text
    assert (await (await applications()).open(strict)).status_code == 303
    planner.http, form = strict, {"grant_type": "client_credentials"}
    assert (await planner.post("token", form)).status_code == 400  # calls are counted apart


async def test_an_answer_to_the_page_is_counted_as_a_visit(
    database, settings, planner, person, dial
):
    page = await planner.open(person.browser)
    few = settings.model_copy(update={"client_requests": 1})
    transport = httpx.ASGITransport(
        Starlette(routes=oauth.routes(database, few, Outbox(few))), client=("10.99.2.1", 5)
    )
    person.browser._transport = transport
    first = await press(person.browser, page)
    again = await press(person.browser, page)
    assert (first.status_code, again.status_code) == (303, 429)
    assert again.headers["retry-after"]


async def test_a_network_asks_for_so_many_applications_together(strict):
    asked = [{"client_id": f"rqc-{n}", "response_type": "code"} for n in range(100)]
    visits = [(await strict.get("/oauth/authorize", params=query)).status_code for query in asked]
    assert visits[:40] == [400] * 40
    assert 429 in visits


OLD = (
    "UPDATE oauth_{} SET created_at = now() - interval '40 days',"
    " expires_at = now() - interval '8 days' WHERE client_id = $1"
)
TABLES = (
    "authorization_codes",
    "access_tokens",
    "refresh_tokens",
    "pushed_requests",
    "device_codes",
)


async def test_what_has_long_expired_is_deleted_in_batches(
    database, applications, people, superuser
):
    ways = ("authorization_code", "refresh_token", DEVICE_CODE)
    planner = await applications(grant_types=ways)

    async def left():
        count = "SELECT count(*) FROM oauth_{} WHERE client_id = $1"
        return [await superuser.fetchval(count.format(t), planner.client_id) for t in TABLES]

    old, person = await people(), await people()
    for _ in range(3):
        tokens = await planner.connect(old)
        await planner.refresh(tokens["refresh_token"])
        await planner.post("par", planner.question())
        await device(planner, scope="requirements:read")
    for table in TABLES:
        await superuser.execute(OLD.format(table), planner.client_id)
    fresh = await planner.connect(person)
    assert await left() == [4, 7, 7, 3, 3]
    assert await clean(database, batch=2) >= 21
    assert await left() == [1, 1, 1, 0, 0]
    assert (await planner.refresh(fresh["refresh_token"])).status_code == 200
