"""Revocation (V01-V05) and introspection (I01-I04) of tokens."""

import time

import pytest

from auth.credentials.tokens import new_token
from tests.oauth.conftest import API, ISSUER, SCOPE, works
from tests.oauth.test_tokens import error

DEAD = {"active": False}


async def test_v01_an_access_token_ends(planner, person, http):
    tokens = await planner.connect(person)
    assert (await planner.revoke(tokens["access_token"])).status_code == 200
    assert not await works(http, tokens["access_token"])
    assert (await planner.refresh(tokens["refresh_token"])).status_code == 200


async def test_v02_a_refresh_token_takes_its_access_tokens_along(spa, person, http):
    first = await spa.connect(person)
    second = (await spa.refresh(first["refresh_token"])).json()
    assert (await spa.revoke(second["refresh_token"])).status_code == 200
    for tokens in (first, second):
        assert not await works(http, tokens["access_token"])
        assert error(await spa.refresh(tokens["refresh_token"])) == "invalid_grant"


@pytest.mark.parametrize("token", ["garbage", "é", "'; --", "x" * 3000])
async def test_v03_what_nobody_has_is_gone_already(planner, token):
    assert (await planner.revoke(token)).status_code == 200
    assert (await planner.revoke(new_token())).status_code == 200


async def test_v03_twice_is_as_good_as_once(planner, person):
    tokens = await planner.connect(person)
    for _ in range(2):
        assert (await planner.revoke(tokens["access_token"])).status_code == 200


@pytest.mark.parametrize("hint", ["refresh_token", "access_token", "nonsense"])
async def test_v04_a_hint_is_only_a_hint(planner, person, http, hint):
    tokens = await planner.connect(person)
    for kind in ("access_token", "refresh_token"):
        assert (await planner.revoke(tokens[kind], token_type_hint=hint)).status_code == 200
    assert not await works(http, tokens["access_token"])
    assert error(await planner.refresh(tokens["refresh_token"])) == "invalid_grant"


async def test_v05_nobody_ends_what_is_anothers(applications, planner, spa, person, http):
    tokens = await planner.connect(person)
    for other in (await applications(), spa):
        for kind in ("access_token", "refresh_token"):
            assert error(await other.revoke(tokens[kind])) == "invalid_grant"
    for auth in ((planner.client_id, "wrong"), ("unknown", "x")):
        answer = await planner.post("revoke", {"token": tokens["access_token"]}, auth=auth)
        assert error(answer, 401) == "invalid_client"
    nameless = await http.post("/oauth/revoke", data={"token": tokens["access_token"]})
    assert error(nameless, 401) == "invalid_client"
    assert error(await planner.post("revoke", {})) == "invalid_request"
    assert await works(http, tokens["access_token"])


async def test_i01_a_resource_server_learns_what_a_token_stands_for(planner, guard, person):
    tokens = await planner.connect(person)
    answer = await guard.post("introspect", {"token": tokens["access_token"]})
    assert answer.headers["cache-control"] == "no-store"
    about = answer.json()
    assert about.pop("exp") - about["iat"] == 3600
    assert abs(about.pop("iat") - time.time()) < 60
    assert abs(about.pop("auth_time") - time.time()) < 60
    assert set(about.pop("scope").split()) == set(SCOPE.split())
    assert about == {
        "active": True,
        "client_id": planner.client_id,
        "sub": str(person.id),
        "iss": ISSUER,
        "aud": [API],
        "token_type": "Bearer",
    }
    refresh = await guard.introspect(tokens["refresh_token"])
    assert refresh["active"]
    assert "token_type" not in refresh


async def test_i02_of_the_dead_nothing_is_told(planner, guard, person, superuser):
    first = await planner.connect(person)
    second = (await planner.refresh(first["refresh_token"])).json()
    await planner.revoke(second["access_token"])
    dead = [first["refresh_token"], second["access_token"], "garbage", new_token(), "é", "x" * 3000]
    for token in dead:
        assert await guard.introspect(token) == DEAD
    assert (await guard.introspect(second["refresh_token"]))["active"]
    await superuser.execute("UPDATE profiles SET status = 'suspended' WHERE id = $1", person.id)
    assert await guard.introspect(second["refresh_token"]) == DEAD


async def test_i03_strangers_learn_nothing(applications, planner, spa, person, http):
    token = (await planner.connect(person))["access_token"]
    bearer = {"authorization": f"Bearer {token}"}
    for answer in (
        await http.post("/oauth/introspect", data={"token": token}),
        await http.post("/oauth/introspect", data={"token": token}, headers=bearer),
        await spa.post("introspect", {"token": token, "client_id": spa.client_id}),
    ):
        assert error(answer, 401) == "invalid_client"
    other = await applications()
    assert await other.introspect(token) == DEAD
    assert (await planner.introspect(token))["active"]


async def test_i04_a_token_stands_in_the_body(planner, guard, person, http):
    token = (await planner.connect(person))["access_token"]
    answer = await http.get("/oauth/introspect", params={"token": token})
    assert answer.status_code == 405
    hinted = await guard.post("introspect", {"token": token, "token_type_hint": "nonsense"})
    assert hinted.json()["active"]
    assert error(await guard.post("introspect", {})) == "invalid_request"
