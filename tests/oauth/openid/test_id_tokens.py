"""ID tokens, as Authlib verifies them, and what they say of a sign-in."""

import time
from uuid import uuid4

import pytest

from auth.credentials.people import set_password
from auth.oauth.id_tokens import MULTI_FACTOR, PHISHING_RESISTANT, SINGLE_FACTOR, half_hash
from tests.oauth.conftest import ISSUER, Application, sign_in, told
from tests.oauth.openid.conftest import read
from tests.oauth.waiting import DEVICE_CODE, allow, ask

AGO = "UPDATE sessions SET proved_at = now() - make_interval(secs => $2) WHERE user_id = $1"
METHODS = "UPDATE sessions SET methods = $2 WHERE user_id = $1"


async def test_authlib_verifies_who_has_signed_in(identified, planner, person):
    token = await identified(planner, person)
    verified = token["userinfo"]  # Authlib's name for the claims of the ID token
    assert (verified["sub"], verified["iss"]) == (str(person.id), ISSUER)
    assert verified["aud"] == planner.client_id
    assert verified["exp"] - verified["iat"] == 3600
    assert "email" not in verified


async def test_a_public_application_is_told_as_well(identified, spa, person):
    assert (await identified(spa, person))["userinfo"]["sub"] == str(person.id)


async def test_without_the_scope_there_is_no_id_token(planner, person):
    assert "id_token" not in await planner.connect(person, nonce="n")


async def test_an_application_that_acts_for_itself_gets_none(robot):
    answer = await robot.token(grant_type="client_credentials", scope="openid requirements:read")
    assert answer.status_code == 200
    assert "id_token" not in answer.json()


async def test_it_repeats_the_nonce_and_belongs_to_its_access_token(planner, person):
    token = await planner.connect(person, scope="openid", nonce="n-0S6_WzA2Mj")
    header, claims = read(token["id_token"])
    assert (header["alg"], header["typ"]) == ("RS256", "JWT")
    assert claims["nonce"] == "n-0S6_WzA2Mj"
    assert claims["at_hash"] == half_hash(token["access_token"])


async def test_a_refreshed_one_says_the_same_of_the_sign_in_and_has_no_nonce(
    planner, person, superuser
):
    await superuser.execute(AGO, person.id, 600)
    first = await planner.connect(person, scope="openid", nonce="once")
    await superuser.execute(AGO, person.id, 0)
    again = (await planner.refresh(first["refresh_token"])).json()
    before, after = read(first["id_token"])[1], read(again["id_token"])[1]
    assert "nonce" not in after
    for name in ("iss", "sub", "aud", "auth_time"):
        assert after[name] == before[name]
    assert after["at_hash"] == half_hash(again["access_token"])


async def test_a_refresh_without_the_scope_brings_none(planner, person):
    first = await planner.connect(person, scope="openid requirements:read")
    narrow = await planner.refresh(first["refresh_token"], scope="requirements:read")
    assert "id_token" not in narrow.json()


async def test_it_says_when_and_how_they_signed_in(planner, people, database, superuser, dial):
    person = await people()
    await set_password(database, person.email, "correct horse battery")
    browser = dial(origin=ISSUER)
    await sign_in_at(browser, person.email)
    answer = await planner.decide(browser, scope="openid")
    token = (await planner.redeem(told(answer)["code"])).json()
    claims = read(token["id_token"])[1]
    assert abs(claims["auth_time"] - time.time()) < 60
    assert (claims["acr"], claims["amr"]) == (SINGLE_FACTOR, ["pwd"])
    introspected = await planner.introspect(token["access_token"])
    assert introspected["auth_time"] == claims["auth_time"]
    assert introspected["acr"] == SINGLE_FACTOR


async def sign_in_at(browser, email):
    assert (await sign_in(browser, email)).status_code == 303


@pytest.mark.parametrize(
    ("methods", "asked", "expected"),
    [
        (["pwd", "otp"], MULTI_FACTOR, MULTI_FACTOR),
        (["pwd", "otp"], SINGLE_FACTOR, MULTI_FACTOR),
        (["pwd"], f"{MULTI_FACTOR} {SINGLE_FACTOR}", SINGLE_FACTOR),
        (["pwd"], MULTI_FACTOR, None),
        ([], SINGLE_FACTOR, None),
        (["hwk"], MULTI_FACTOR, PHISHING_RESISTANT),
        (["swk"], SINGLE_FACTOR, PHISHING_RESISTANT),
        (["pwd", "swk"], PHISHING_RESISTANT, PHISHING_RESISTANT),
        (["pwd", "otp"], PHISHING_RESISTANT, None),
    ],
)
async def test_a_level_that_is_asked_for_is_reached_or_refused(
    planner, person, superuser, methods, asked, expected
):
    await superuser.execute(METHODS, person.id, methods)
    said = told(await planner.decide(person.browser, scope="openid", acr_values=asked))
    if expected is None:
        assert said["error"] == "unmet_authentication_requirements"
        return
    claims = read((await planner.redeem(said["code"])).json()["id_token"])[1]
    assert claims["acr"] == expected
    assert ("mfa" in claims["amr"]) is (expected != SINGLE_FACTOR)


async def test_a_device_gets_one_too(applications, person):
    screen = await applications(
        name="Screen", public=True, grant_types=(DEVICE_CODE, "refresh_token")
    )
    asked = (await ask(screen, scope="openid")).json()
    await allow(person.browser, asked["user_code"])
    token = await screen.token(grant_type=DEVICE_CODE, device_code=asked["device_code"])
    claims = read(token.json()["id_token"])[1]
    assert (claims["sub"], claims["aud"]) == (str(person.id), screen.client_id)
    assert abs(claims["auth_time"] - time.time()) < 60


async def test_with_the_scope_for_identity_alone_no_data_is_reached(
    applications, person: object, http
):
    card: Application = await applications(name="Card", scope="openid")
    token = await card.connect(person, scope="openid")
    headers = {"authorization": f"Bearer {token['access_token']}"}
    for query in (
        "{ viewer { profile { email } } }",
        "{ organizations(first: 1) { nodes { name } } }",
        "{ projects(first: 1) { nodes { name } } }",
    ):
        answer = await http.post("/graphql", json={"query": query}, headers=headers)
        body = answer.json()
        assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN", query
        assert body.get("data") in (None, {"viewer": {"profile": None}}), query
    query = """{ viewer {
        sessions { id } connectedApplications { name }
        recentProjects { nodes { __typename } } recentDocuments { nodes { __typename } }
    } }"""
    answer = await http.post("/graphql", json={"query": query}, headers=headers)
    assert not any((answer.json()["data"]["viewer"] or {}).values()), answer.text
    changes = await http.get("/changes", params={"project": str(uuid4())}, headers=headers)
    assert changes.status_code == 403, changes.text
    wider = await card.open(person.browser, scope="openid requirements:read")
    assert told(wider)["error"] == "invalid_scope"
