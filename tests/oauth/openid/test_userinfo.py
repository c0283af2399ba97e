"""The user information: which claims which scopes bring, and to whom."""

import pytest

from tests.oauth.conftest import ISSUER
from tests.oauth.dpop.conftest import Holder

USERINFO = "/oauth/userinfo"
NAMED = """
UPDATE profiles SET full_name = 'Ada Lovelace', first_name = 'Ada', last_name = 'Lovelace',
    locale = 'en-GB', time_zone = 'Europe/London' WHERE id = $1
"""


@pytest.fixture
async def told_by(http):
    async def told_by(token, method="GET", **headers):
        headers = {"authorization": f"Bearer {token}"} | headers
        return await http.request(method, USERINFO, headers=headers)

    return told_by


@pytest.fixture
async def ada(person, superuser):
    await superuser.execute(NAMED, person.id)
    return person


PROFILE = {
    "name": "Ada Lovelace",
    "given_name": "Ada",
    "family_name": "Lovelace",
    "locale": "en-GB",
    "zoneinfo": "Europe/London",
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("openid", ()),
        ("openid profile", ("profile",)),
        ("openid email profile", ("profile", "email")),
    ],
)
async def test_the_scopes_decide_what_it_says(planner, ada, told_by, scope, claims, method):
    token = await planner.connect(ada, scope=scope)
    answer = await told_by(token["access_token"], method)
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert ("updated_at" in said) is ("profile" in claims)
    said.pop("updated_at", None)
    expected = {"sub": str(ada.id)}
    if "profile" in claims:
        expected |= PROFILE
    if "email" in claims:
        expected |= {"email": ada.email, "email_verified": True}
    assert said == expected


async def test_a_token_without_openid_is_refused(planner, person, told_by):
    token = await planner.connect(person, scope="organizations:read email")
    answer = await told_by(token["access_token"])
    assert (answer.status_code, answer.content) == (403, b"")
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="openid"'


async def test_an_application_that_acts_for_itself_is_nobody(robot, told_by):
    token = await robot.token(grant_type="client_credentials", scope="openid")
    assert (await told_by(token.json()["access_token"])).status_code == 403


async def test_a_revoked_token_says_nothing(planner, person, told_by):
    token = await planner.connect(person, scope="openid")
    await planner.revoke(token["access_token"])
    answer = await told_by(token["access_token"])
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "headers", [[], [("authorization", "Bearer x"), ("authorization", "Bearer y")]]
)
async def test_no_token_and_two_tokens_are_refused(http, person, headers):
    answer = await http.get(USERINFO, headers=headers)
    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate")[0].startswith("Bearer")


async def test_a_cookie_alone_is_no_token(person):
    assert (await person.browser.get(USERINFO)).status_code == 401


async def test_a_bound_token_needs_a_proof_of_its_key(planner, person, http):
    holder = Holder()
    code = await planner.code(person, scope="openid")
    token = (await planner.redeem(code, proof=holder.proof())).json()["access_token"]
    bare = await http.get(USERINFO, headers={"authorization": f"Bearer {token}"})
    assert bare.status_code == 401
    proof = holder.proof(f"{ISSUER}{USERINFO}", "GET", token)
    headers = {"authorization": f"DPoP {token}", "dpop": proof}
    assert (await http.get(USERINFO, headers=headers)).json() == {"sub": str(person.id)}
    replayed = await http.get(USERINFO, headers=headers)
    assert replayed.status_code == 401
    thief = {"authorization": f"DPoP {token}"}
    thief["dpop"] = Holder().proof(f"{ISSUER}{USERINFO}", "GET", token)
    assert (await http.get(USERINFO, headers=thief)).status_code == 401


async def test_scripts_of_other_sites_may_ask(http):
    answer = await http.options(USERINFO, headers={"origin": "https://spa.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, POST"
