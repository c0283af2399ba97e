"""Keys beside OAuth: its endpoints accept none, and an application's keys do not outlive it."""

import logging
from datetime import UTC, datetime, timedelta

from structlog.testing import capture_logs

from tests.mails import captured
from tests.oauth.conftest import API, works

TOKEN = """mutation ($input: PersonalTokenCreateInput!) {
    personalTokenCreate(input: $input) { secret
    personalToken { id } } }"""
STALE = "UPDATE sessions SET proved_at = now() - interval '16 minutes' WHERE user_id = $1"


async def make(client, authorization=None, scopes=("admin",)):
    """Return the answer to a request for a personal token, by a bearer token or a session."""
    expires_at = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    input = {"name": "Script", "scopes": list(scopes), "expiresAt": expires_at}
    headers = {"Authorization": f"Bearer {authorization}"} if authorization else {}
    body = {"query": TOKEN, "variables": {"input": input}}
    return (await client.post(API, json=body, headers=headers)).json()


def code(answer):
    return answer["errors"][0]["extensions"]["code"]


async def test_a_session_makes_a_token_after_a_fresh_proof(person, http, superuser):
    made = await make(person.browser)
    text = made["data"]["personalTokenCreate"]["secret"]
    assert await works(http, text)
    await superuser.execute(STALE, person.id)
    refused = await make(person.browser)
    assert code(refused) == "FORBIDDEN"
    assert refused["errors"][0]["extensions"]["prove"] == "/prove"


async def test_an_application_makes_no_key_that_outlives_it(applications, person):
    planner = await applications(scope="organizations:write requirements:write")
    scope = "organizations:write requirements:write"
    given = await planner.connect(person, scope=scope)
    for wanted in ("admin", "organizations:write", "requirements:read"):
        refused = await make(planner.http, given["access_token"], (wanted,))
        assert code(refused) == "FORBIDDEN"
        assert refused["errors"][0]["extensions"]["scope"] == "admin"


async def test_the_endpoints_of_oauth_know_no_keys(planner, person, http):
    text = (await make(person.browser))["data"]["personalTokenCreate"]["secret"]
    assert await planner.introspect(text) == {"active": False}
    assert (await planner.revoke(text)).status_code == 200
    assert await works(http, text)
    answer = await planner.refresh(text)
    assert answer.json()["error"] == "invalid_grant"


async def test_a_key_is_a_bearer_token_alone(person, http):
    text = (await make(person.browser))["data"]["personalTokenCreate"]["secret"]
    for scheme in ("DPoP", "Basic", "Token"):
        answer = await http.post(
            API, json={"query": "{ __typename }"}, headers={"Authorization": f"{scheme} {text}"}
        )
        assert answer.status_code == 401
    page = await http.get("/account", headers={"Authorization": f"Bearer {text}"})
    assert page.status_code == 303  # pages are for people: they ask for a session
    assert page.headers["location"].startswith("/sign-in")


async def test_a_mail_tells_the_person_and_does_not_tell_the_token(person):
    with captured() as mails:
        text = (await make(person.browser))["data"]["personalTokenCreate"]["secret"]
        [(subject, told)] = await mails.arrived(person.email)
    assert subject == "A new personal token"
    assert text[-4:] in told
    assert text[9:52] not in told


async def test_no_key_reaches_the_log_at_any_level(person, http, caplog):
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logged:
        text = (await make(person.browser))["data"]["personalTokenCreate"]["secret"]
        await works(http, text)
        await works(http, text[:-1])
        await works(http, text.replace("rqp_", "rqk_"))
    ours = [str(line) for line in logged] + [
        record.getMessage()
        for record in caplog.records
        if not record.name.startswith(("httpx", "httpcore"))  # the test's own client
    ]
    assert ours
    assert not [line for line in ours if text[9:52] in line]
