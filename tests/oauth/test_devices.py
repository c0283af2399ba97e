"""Devices without a browser: codes, polls and tokens (T21; RFC 8628)."""

import asyncio
import re

import pytest

from auth.credentials.tokens import revoke_all
from auth.policy.scope_names import SCOPES
from db.pool import NOBODY
from tests.oauth.conftest import API, ISSUER, Application, works
from tests.oauth.dpop.conftest import Holder
from tests.oauth.test_tokens import error
from tests.oauth.waiting import (
    DEVICE_CODE,
    EARLIER,
    OVER,
    Device,
    allow,
    answer,
    ask,
    device,
    enter,
)


@pytest.fixture
async def television(applications):
    """Return a public application on devices."""
    grants = (DEVICE_CODE, "refresh_token")
    return await applications(name="Screen", public=True, grant_types=grants)


async def test_a_device_is_told_two_codes_and_where_one_is_entered(television, planner):
    answer = await ask(television, scope="requirements:read")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert re.fullmatch(r"rqd_[A-Za-z0-9_-]{43}[A-Za-z0-9]{6}", told["device_code"])
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", told["user_code"])
    assert told["verification_uri"] == f"{ISSUER}/device"
    assert told["verification_uri_complete"] == f"{ISSUER}/device?user_code={told['user_code']}"
    assert (told["expires_in"], told["interval"]) == (600, 5)


async def test_t21_a_device_waits_until_somebody_allows_it(television, person, http, superuser):
    waiting = await device(television, scope="requirements:read organizations:read")
    assert error(await waiting.poll()) == "authorization_pending"
    await superuser.execute(EARLIER.format(5) + "client_id = $1", television.client_id)
    assert error(await waiting.poll()) == "authorization_pending"
    await allow(person.browser, waiting.user_code)
    answer = await waiting.poll()
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    assert tokens["scope"] == "requirements:read organizations:read"
    assert await works(http, tokens["access_token"])
    assert (await television.refresh(tokens["refresh_token"])).status_code == 200


async def test_t21_whoever_polls_too_fast_waits_five_seconds_longer_each_time(
    television, superuser
):
    waiting = await device(television)
    assert error(await waiting.poll()) == "authorization_pending"
    assert error(await waiting.poll()) == "slow_down"
    assert error(await waiting.poll()) == "slow_down"
    earlier = EARLIER + "client_id = $1"
    await superuser.execute(earlier.format(13), television.client_id)
    assert error(await waiting.poll()) == "slow_down"  # fifteen it was by now
    await superuser.execute(earlier.format(20), television.client_id)
    assert error(await waiting.poll()) == "authorization_pending"
    kept = "SELECT poll_interval FROM oauth_device_codes WHERE client_id = $1"
    assert await superuser.fetchval(kept, television.client_id) == 20


async def test_t21_of_several_polls_at_once_all_but_one_are_too_fast(television):
    waiting = await device(television)
    answers = await asyncio.gather(*(waiting.poll() for _ in range(4)))
    assert sorted(map(error, answers)) == ["authorization_pending"] + ["slow_down"] * 3


async def test_t21_a_code_works_once_and_a_second_use_ends_what_it_gave(
    television, person, http, events
):
    waiting = await device(television)
    await allow(person.browser, waiting.user_code)
    tokens = (await waiting.poll()).json()
    assert error(await waiting.poll()) == "invalid_grant"
    assert not await works(http, tokens["access_token"])
    assert error(await television.refresh(tokens["refresh_token"])) == "invalid_grant"
    reuse = (await events(television.client_id))[-1]
    assert (reuse["action"], reuse["severity"]) == ("reuse", "high")
    assert "device code" in reuse["description"]


@pytest.mark.parametrize("code", ["", "x", "rqd_" + "x" * 49, "rqc_" + "x" * 49, "é", "a\0b"])
async def test_t21_what_is_no_device_code_gives_nothing(television, code):
    answer = await television.token(grant_type=DEVICE_CODE, device_code=code)
    assert error(answer) in ("invalid_grant", "invalid_request")


async def test_t21_only_applications_with_this_grant_ask_on_devices(planner, robot, television):
    for application in (planner, robot):
        assert error(await ask(application, scope="requirements:read")) == "unauthorized_client"
        answer = await application.token(grant_type=DEVICE_CODE, device_code="x")
        assert error(answer) == "unauthorized_client"
    assert error(await ask(television, client_id="unknown"), 401) == "invalid_client"


async def test_an_application_with_a_secret_shows_it(applications, person):
    grants = (DEVICE_CODE,)
    box = await applications(name="Box", grant_types=grants)
    form = {"scope": "requirements:read"}
    wrong = await box.post("device", form, auth=(box.client_id, "wrong"))
    assert error(wrong, 401) == "invalid_client"
    bare = await box.http.post("/oauth/device", data={"client_id": box.client_id})
    assert error(bare, 401) == "invalid_client"
    waiting = await device(box, **form)
    await allow(person.browser, waiting.user_code)
    poll = {"grant_type": DEVICE_CODE, "device_code": waiting.code}
    answer = await box.http.post("/oauth/token", data=poll | {"client_id": box.client_id})
    assert error(answer, 401) == "invalid_client"
    tokens = (await waiting.poll()).json()
    assert "refresh_token" not in tokens  # it has no use for one


async def test_a_code_is_of_use_to_its_own_application_alone(television, applications, person):
    thief = await applications(public=True, grant_types=(DEVICE_CODE,))
    waiting = await device(television)
    await allow(person.browser, waiting.user_code)
    for _ in range(2):
        answer = await thief.token(grant_type=DEVICE_CODE, device_code=waiting.code)
        assert error(answer) == "invalid_grant"
    assert (await waiting.poll()).status_code == 200


async def test_denied_is_told(television, person):
    waiting = await device(television)
    await allow(person.browser, waiting.user_code, "deny")
    for _ in range(2):
        assert error(await waiting.poll()) == "access_denied"


async def test_a_code_is_good_for_ten_minutes(television, person, superuser):
    pending, allowed = await device(television), await device(television)
    await allow(person.browser, allowed.user_code)
    await superuser.execute(OVER, television.client_id)
    for waiting in (pending, allowed):
        assert error(await waiting.poll()) == "expired_token"


@pytest.mark.parametrize("scope", ["nonsense", "admin", "requirements:read nonsense"])
async def test_a_scope_must_be_known_and_registered(applications, scope):
    grants = (DEVICE_CODE,)
    box = await applications(public=True, grant_types=grants, scope="requirements:read")
    assert error(await ask(box, scope=scope)) == "invalid_scope"


async def test_tokens_are_for_what_was_asked_for(applications, person):
    box = await applications(grant_types=(DEVICE_CODE,))
    assert error(await ask(box, resource="https://other.example")) == "invalid_target"
    waiting = await device(box, resource=API)
    await allow(person.browser, waiting.user_code)
    answer = await waiting.poll(resource="https://other.example")
    assert error(answer) == "invalid_target"
    tokens = (await waiting.poll()).json()  # the code was not used up by the mistake
    assert tokens["scope"] == " ".join(SCOPES)


@pytest.mark.parametrize("name", ["client_id", "scope"])
async def test_no_parameter_stands_there_twice(television, name):
    form = {"client_id": television.client_id, "scope": "requirements:read"}
    answer = await television.post("device", form | {name: [form[name]] * 2})
    assert error(answer) == "invalid_request"


@pytest.mark.parametrize(
    "locked", ["status = 'suspended'", "is_approved = false", "deleted_at = now()"]
)
async def test_whoever_is_locked_out_gives_nothing(television, person, superuser, locked):
    waiting = await device(television)
    await allow(person.browser, waiting.user_code)
    await superuser.execute(f"UPDATE profiles SET {locked} WHERE id = $1", person.id)
    assert error(await waiting.poll()) == "invalid_grant"


async def test_a_disabled_application_gets_nothing(television, person, superuser):
    waiting = await device(television)
    await allow(person.browser, waiting.user_code)
    disable = "UPDATE oauth_clients SET disabled_at = now() WHERE client_id = $1"
    await superuser.execute(disable, television.client_id)
    assert error(await waiting.poll(), 401) == "invalid_client"


async def test_a_code_from_before_its_application_changed_is_good_for_nothing(
    television, person, superuser
):
    pending, allowed = await device(television), await device(television)
    await allow(person.browser, allowed.user_code)
    changed = "UPDATE oauth_clients SET updated_at = clock_timestamp() WHERE client_id = $1"
    await superuser.execute(changed, television.client_id)
    assert (await enter(person.browser, pending.user_code)).status_code == 400
    for waiting in (pending, allowed):
        assert error(await waiting.poll()) == "invalid_grant"
    later = await device(television)
    await allow(person.browser, later.user_code)
    assert (await later.poll()).status_code == 200


async def test_an_application_that_has_registered_itself_is_said_to_have(
    announce, dial, person, superuser
):
    made = await announce(grant_types=[DEVICE_CODE], redirect_uris=[], response_types=[])
    assert made.status_code == 201, made.text
    client_id, secret = made.json()["client_id"], made.json()["client_secret"]
    waiting = await device(Application(dial(), client_id, secret, ""), scope="requirements:read")
    page = await enter(person.browser, waiting.user_code)
    assert "has registered itself" in page.text
    known = "SELECT consented_at FROM oauth_clients WHERE client_id = $1"
    assert await superuser.fetchval(known, client_id) is None
    await answer(person.browser, page)
    assert await superuser.fetchval(known, client_id) is not None
    assert (await waiting.poll()).status_code == 200


async def test_a_device_with_a_key_gets_tokens_that_are_bound_to_it(television, person, http):
    waiting, holder = await device(television), Holder()
    await allow(person.browser, waiting.user_code)
    tokens = (await waiting.poll(proof=holder.proof())).json()
    assert tokens["token_type"] == "DPoP"
    assert not await works(http, tokens["access_token"])


async def test_a_code_that_was_asked_for_with_a_key_is_of_use_with_it_alone(television, person):
    holder = Holder()
    form = {"client_id": television.client_id, "scope": "requirements:read"}
    proof = holder.proof(f"{ISSUER}/oauth/device")
    told = (await television.post("device", form, headers={"dpop": proof})).json()
    waiting = Device(television, told["device_code"], told["user_code"], told)
    await allow(person.browser, waiting.user_code)
    assert error(await waiting.poll()) == "invalid_dpop_proof"
    assert error(await waiting.poll(proof=Holder().proof())) == "invalid_grant"
    assert (await waiting.poll(proof=holder.proof())).json()["token_type"] == "DPoP"


async def test_what_ends_all_of_a_person_ends_what_a_device_waits_for(database, television, person):
    waiting, used = await device(television), await device(television)
    for one in (waiting, used):
        await allow(person.browser, one.user_code)
    tokens = (await used.poll()).json()
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await revoke_all(lent, person.id, television.client_id)
    assert error(await waiting.poll()) == "access_denied"
    assert error(await television.refresh(tokens["refresh_token"])) == "invalid_grant"


async def test_no_code_is_kept_or_recorded(television, person, superuser, events):
    waiting = await device(television)
    await allow(person.browser, waiting.user_code)
    tokens = (await waiting.poll()).json()
    row = await superuser.fetchrow(
        "SELECT * FROM oauth_device_codes WHERE client_id = $1", television.client_id
    )
    recorded = await events(television.client_id)
    actions = [event["action"] for event in recorded]
    assert actions == ["register", "device_request", "consent", "issue"]
    assert {event["soc2_control"] for event in recorded} == {"CC6.1"}
    assert recorded[2]["actor_id"] == recorded[3]["user_id"] == person.id
    letters = waiting.user_code.replace("-", "")
    for secret in (waiting.code[4:47], waiting.user_code, letters, tokens["access_token"][4:47]):
        assert secret not in str(row)
        assert secret not in str(recorded)
