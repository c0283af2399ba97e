"""Applications read, change and end their registration, with effect at once (D06-D08)."""

import asyncio

import pytest

from auth.oauth.cleanup import clean
from auth.oauth.registry import disable
from auth.policy.scope_names import in_words
from tests.oauth.conftest import CALLBACK, REGISTER, Application, bearer, manage, press, told, works


async def test_d06_a_registration_is_read_changed_and_ended(canvas, http):
    made, _ = canvas
    answer = await manage(http, made)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    hidden = {"client_secret", "client_secret_expires_at"}
    assert answer.json() == {name: value for name, value in made.items() if name not in hidden}
    answer = await manage(http, made, "PUT", client_name="Easel", tos_uri="https://app.example/t")
    assert answer.status_code == 200
    assert answer.json()["client_name"] == "Easel"
    assert answer.json()["tos_uri"] == "https://app.example/t"
    assert answer.json()["registration_access_token"] == made["registration_access_token"]
    assert "client_secret" not in answer.json()
    assert "tos_uri" not in (await manage(http, made, "PUT")).json()  # what is not said is not kept
    secret = made["client_secret"]
    assert (await manage(http, made, "PUT", client_secret=secret)).status_code == 200
    assert (await manage(http, made, "DELETE")).status_code == 204
    for method in ("GET", "PUT", "DELETE"):
        assert (await manage(http, made, method)).status_code == 401


async def test_d07_only_its_own_token_opens_a_registration(announce, http, canvas):
    made, _ = canvas
    other = (await announce()).json()
    wrong = made["registration_access_token"][:-1] + "!"
    answers = [
        await http.request(method, f"{REGISTER}/{client_id}", headers=headers)
        for method in ("GET", "PUT", "DELETE")
        for client_id in (made["client_id"], "rqc-unknown", "x" * 5000, "%00", "%C3%A9")
        for headers in (
            {},
            bearer(wrong),
            bearer(other["registration_access_token"]),
            {"authorization": f"Basic {made['registration_access_token']}"},
        )
    ]
    seen = {(answer.status_code, answer.text) for answer in answers if answer.status_code != 429}
    assert {status for status, _ in seen} == {401}
    assert len(seen) == 1
    assert answers[0].headers["www-authenticate"].startswith("Bearer")
    assert (await manage(http, other)).status_code == 200


FORBIDDEN = [
    {"client_id": "rqc-another"},
    {"client_id": None},
    {"client_id": 7},
    {"registration_access_token": "x"},
    {"registration_client_uri": "x"},
    {"client_secret_expires_at": 0},
    {"client_id_issued_at": 0},
    {"client_secret": "another"},
    {"client_secret": "\ud800"},
    {"token_endpoint_auth_method": "none"},
    {"redirect_uris": []},
    {"grant_types": ["client_credentials"]},
]


@pytest.mark.parametrize("change", FORBIDDEN, ids=str)
async def test_d07_a_change_that_is_refused_changes_nothing(http, canvas, change):
    made, _ = canvas
    before = (await manage(http, made)).json()
    answer = await manage(http, made, "PUT", client_name="Evil", **change)
    assert answer.status_code == 400
    assert (await manage(http, made)).json() == before


async def test_d08_an_ended_application_holds_nothing(canvas, person, http, guard):
    made, application = canvas
    tokens = await application.connect(person)
    assert await works(http, tokens["access_token"])
    await manage(http, made, "DELETE")
    assert not await works(http, tokens["access_token"])
    assert await guard.introspect(tokens["access_token"]) == {"active": False}
    assert (await application.refresh(tokens["refresh_token"])).status_code == 401
    assert (await application.open(person.browser)).status_code == 400


async def test_d08_another_address_is_at_once_the_only_one(canvas, person, http):
    made, application = canvas
    old = await application.code(person)
    assert (await application.open(person.browser)).status_code == 303  # it has been allowed
    moved = "https://app.example/elsewhere"
    await manage(http, made, "PUT", redirect_uris=[moved])
    assert (await application.redeem(old)).json()["error"] == "invalid_grant"
    assert (await application.open(person.browser)).status_code == 400
    application.callback = moved
    assert (await application.open(person.browser)).status_code == 200  # people are asked anew
    assert (await application.connect(person))["access_token"]


async def test_d08_fewer_scopes_are_at_once_all_that_its_tokens_have(canvas, person, http, guard):
    made, application = canvas
    tokens = await application.connect(person)
    await manage(http, made, "PUT", scope="organizations:read")
    held = await guard.introspect(tokens["access_token"])
    assert held["scope"] == "organizations:read"
    query = {"query": "{ documents { totalCount } }"}
    answer = await http.post("/graphql", json=query, headers=bearer(tokens["access_token"]))
    assert "insufficient_scope" in answer.headers["www-authenticate"]
    wide = await application.refresh(tokens["refresh_token"], scope="requirements:read")
    assert wide.json()["error"] == "invalid_scope"
    again = (await application.refresh(tokens["refresh_token"])).json()
    assert again["scope"] == "organizations:read"
    await manage(http, made, "PUT", scope="requirements:write")
    assert (await application.refresh(again["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await application.open(person.browser)).status_code == 303
    assert told(await application.open(person.browser))["error"] == "invalid_scope"


async def test_d08_nobody_agrees_to_what_it_has_just_ceased_to_be(canvas, person, superuser):
    made, application = canvas
    page = await application.open(person.browser)
    async with superuser.transaction():
        await superuser.execute(CHANGED, made["client_id"])
        answer = asyncio.create_task(press(person.browser, page))
        await waits(superuser)
    assert (await answer).status_code == 400
    assert (await application.open(person.browser)).status_code == 200


@pytest.mark.parametrize("pushed", [False, True])
async def test_people_allow_what_they_were_shown_and_nothing_else(announce, dial, person, pushed):
    made = (await announce(scope="organizations:read")).json()
    application = Application(dial(), made["client_id"], made["client_secret"], CALLBACK)
    question = application.question(scope=None)
    if pushed:
        name = (await application.post("par", question)).json()["request_uri"]
        question = {"client_id": application.client_id, "request_uri": name}
    page = await person.browser.get("/oauth/authorize", params=question)
    more = {"scope": "requirements:write", "client_secret": made["client_secret"]}
    assert (await manage(dial(), made, "PUT", **more)).status_code == 200
    for decision in ("allow", "cancel"):
        answer = await press(person.browser, page, decision)
        assert answer.headers["location"].startswith("/oauth/authorize?"), "it is asked again"
    again = await person.browser.get(answer.headers["location"])
    assert again.status_code == 200
    assert in_words("requirements:write")[0] in again.text
    assert in_words("requirements:write")[0] not in page.text
    code = told(await press(person.browser, again))["code"]
    assert (await application.redeem(code)).json()["scope"] == "requirements:write"


async def test_nobody_is_sent_to_its_address_before_they_have_signed_in(announce, dial, person):
    address = "https://stranger.example/login"
    made = (await announce(redirect_uris=[address])).json()
    wrong = {"client_id": made["client_id"], "redirect_uri": address}
    answer = await dial().get("/oauth/authorize", params=wrong)
    assert answer.headers["location"].startswith("/sign-in?next=%2Foauth%2Fauthorize")
    answer = await person.browser.get("/oauth/authorize", params=wrong)
    assert told(answer)["error"] == "invalid_request"
    assert answer.headers["location"].startswith(address)
    silent = wrong | {"prompt": "none"}
    assert "error" in told(await dial().get("/oauth/authorize", params=silent))


CHANGED = "UPDATE oauth_clients SET updated_at = now() WHERE client_id = $1"
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def waits(superuser):
    """Wait until another connection waits for a lock."""
    while not await superuser.fetchval(WAITING):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_people_are_told_that_nobody_has_verified_it(canvas, planner, person):
    _, application = canvas
    page = await application.open(person.browser)
    assert page.status_code == 200
    assert "has registered itself" in page.text
    assert "has registered itself" not in (await planner.open(person.browser)).text


async def test_it_is_never_more_than_an_application_that_people_let_in(canvas, superuser):
    made, application = canvas
    answer = await application.token(grant_type="client_credentials")
    assert answer.json()["error"] == "unauthorized_client"
    for column in ("is_first_party", "is_resource_server"):
        with pytest.raises(Exception, match="unprivileged"):
            await superuser.execute(
                f"UPDATE oauth_clients SET {column} = true WHERE client_id = $1", made["client_id"]
            )


async def test_what_happens_to_a_registration_is_recorded(canvas, http, events):
    made, _ = canvas
    await manage(http, made, "PUT", client_name="Easel")
    await manage(http, made, "DELETE")
    recorded = await events(made["client_id"])
    assert [event["action"] for event in recorded] == ["register", "update", "delete"]
    assert {event["soc2_control"] for event in recorded} == {"CC6.1"}
    for name in ("client_secret", "registration_access_token"):
        assert made[name][4:47] not in str(recorded)


async def test_only_digests_of_its_secrets_are_kept(canvas, superuser):
    made, _ = canvas
    row = await superuser.fetchrow(
        "SELECT * FROM oauth_clients WHERE client_id = $1", made["client_id"]
    )
    assert len(row["registration_token"]) == len(row["client_secret"]) == 64
    assert "rqg_" not in str(row)
    assert "rqs_" not in str(row)


async def test_what_nobody_ever_let_in_is_deleted_in_batches(
    announce, database, superuser, person, dial
):
    made = [(await announce()).json() for _ in range(7)]
    ids = [one["client_id"] for one in made]
    asking, used, young = ids[-3:]
    application = Application(dial(), used, made[5]["client_secret"], CALLBACK)
    await application.connect(person)
    waiting = Application(dial(), asking, made[4]["client_secret"], CALLBACK)
    await waiting.post("par", waiting.question())
    await superuser.execute(
        "UPDATE oauth_clients SET created_at = now() - interval '31 days'"
        " WHERE client_id = ANY ($1) AND client_id <> $2",
        ids,
        young,
    )
    assert await clean(database, batch=3) >= 4
    left = await superuser.fetch(
        "SELECT client_id FROM oauth_clients WHERE client_id = ANY ($1)", ids
    )
    assert {row["client_id"] for row in left} == {asking, used, young}


async def test_what_an_operator_has_disabled_is_deleted_once_it_holds_nothing(
    canvas, database, superuser, person
):
    _, application = canvas
    await application.connect(person)
    assert await disable(database, application.client_id)
    for table in ("oauth_authorization_codes", "oauth_refresh_tokens", "oauth_access_tokens"):
        await superuser.execute(
            f"UPDATE {table} SET created_at = now() - interval '90 days',"
            " expires_at = now() - interval '60 days' WHERE client_id = $1",
            application.client_id,
        )
    await superuser.execute(
        "UPDATE oauth_clients SET created_at = now() - interval '90 days',"
        " disabled_at = now() - interval '60 days' WHERE client_id = $1",
        application.client_id,
    )
    await clean(database)
    left = "SELECT count(*) FROM oauth_clients WHERE client_id = $1"
    assert await superuser.fetchval(left, application.client_id) == 0
