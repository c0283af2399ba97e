"""Tokens for scripts: their form, their lifetime, and their stored digest."""

import string
from datetime import timedelta

import pytest

from auth.credentials import tokens
from auth.credentials.identify import identify_token
from auth.credentials.people import create_person
from db.problem import Problem
from tests.auth.conftest import PASSWORD, sign_in

DAY = timedelta(days=1)


async def ask(browser, token, scheme="Bearer"):
    return await browser.get("/me", headers={"authorization": f"{scheme} {token}"})


def test_a_token_can_be_told_from_other_text():
    token = tokens.new_token()
    assert tokens.is_token(token)
    assert len(token) == len("rqt_") + 43 + 6
    assert token.startswith("rqt_")


def test_no_single_typing_error_passes():
    token = tokens.new_token()
    for place in range(len(token)):
        for sign in string.ascii_letters + string.digits + "-_ é":
            if sign != token[place]:
                assert not tokens.is_token(token[:place] + sign + token[place + 1 :])
    for wrong in ("", token[:-1], token + "x", token.swapcase(), token + "\n", f" {token}"):
        assert not tokens.is_token(wrong)


async def test_a_token_says_who_is_asking(database, browser, person):
    token = await tokens.issue(database, person.email.upper(), DAY)
    for scheme in ("Bearer", "bearer", "BEARER"):
        answer = await ask(browser, token, scheme)
        assert answer.json()["email"] == person.email


async def test_a_token_wins_over_a_cookie(database, browser, person):
    other = f"x{person.email}"
    await create_person(database, other, None, PASSWORD)
    await sign_in(browser, person.email)
    assert (await browser.get("/me")).json()["email"] == person.email
    token = await tokens.issue(database, other, DAY)
    assert (await ask(browser, token)).json()["email"] == other
    assert (await ask(browser, tokens.new_token())).status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "Bearer rqt_",
        "Bearer rqt_" + "x" * 49,
        "Bearer " + "x" * 20_000,
        "Basic bWVtYmVyOnNlY3JldA==",
        "rqt_without_a_scheme",
        "Bearer sch\u00f6n",
        "",
    ],
)
async def test_what_is_no_token_is_refused_not_ignored(browser, header):
    answer = await browser.get("/me", headers={"authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert answer.json()["code"] == "UNAUTHENTICATED"


async def test_two_tokens_at_once_are_refused(database, browser, person):
    token = await tokens.issue(database, person.email, DAY)
    headers = [("authorization", f"Bearer {token}")] * 2
    assert (await browser.get("/me", headers=headers)).status_code == 401


async def test_a_token_that_nobody_gave_out_is_refused(browser):
    assert (await ask(browser, tokens.new_token())).status_code == 401


async def test_a_revoked_token_is_refused_from_then_on(database, browser, person):
    token = await tokens.issue(database, person.email, DAY)
    assert (await ask(browser, token)).status_code == 200
    assert await tokens.revoke(database, token)
    assert (await ask(browser, token)).status_code == 401
    assert not await tokens.revoke(database, token)
    assert not await tokens.revoke(database, "rqt_nonsense")


@pytest.mark.parametrize(
    "change",
    [
        (
            "UPDATE oauth_access_tokens SET created_at = now() - interval '2 days',"
            " expires_at = now() - interval '1 second' WHERE user_id = $1"
        ),
        "UPDATE profiles SET status = 'suspended' WHERE id = $1",
        "UPDATE profiles SET is_approved = false WHERE id = $1",
        "UPDATE profiles SET deleted_at = now() WHERE id = $1",
    ],
)
async def test_a_token_ends_with_its_time_and_its_person(
    database, browser, superuser, person, change
):
    token = await tokens.issue(database, person.email, DAY)
    await superuser.execute(change, person.id)
    assert (await ask(browser, token)).status_code == 401


async def test_a_disabled_client_takes_its_tokens_along(database, browser, superuser, person):
    token = await tokens.issue(database, person.email, DAY)
    client = f"client of {person.id}"
    await superuser.execute(
        "INSERT INTO oauth_clients (client_id, client_name, is_public, disabled_at)"
        " VALUES ($1, 'Gone', true, now())",
        client,
    )
    await superuser.execute(
        "UPDATE oauth_access_tokens SET client_id = $1 WHERE user_id = $2", client, person.id
    )
    assert (await ask(browser, token)).status_code == 401


async def test_a_token_carries_its_scopes_to_the_viewer(database, person):
    for scope, scopes in (
        (None, None),
        ("requirements:read admin", {"requirements:read", "admin"}),
        ("", set()),
    ):
        token = await tokens.issue(database, person.email, DAY, scope)
        viewer = await identify_token(token, database)
        assert viewer.scopes == scopes
        assert viewer.client_id == "gateway-cli"


async def test_only_a_digest_of_a_token_is_kept(database, superuser, person):
    token = await tokens.issue(database, person.email, DAY)
    row = await superuser.fetchrow(
        "SELECT * FROM oauth_access_tokens WHERE user_id = $1", person.id
    )
    assert token[4:] not in str(row)


async def test_use_is_noted_at_most_once_a_minute(database, browser, superuser, person):
    token = await tokens.issue(database, person.email, DAY)
    used = "SELECT last_used_at FROM oauth_access_tokens WHERE user_id = $1"
    assert await superuser.fetchval(used, person.id) is None
    await ask(browser, token)
    first = await superuser.fetchval(used, person.id)
    await ask(browser, token)
    assert await superuser.fetchval(used, person.id) == first
    await superuser.execute(
        "UPDATE oauth_access_tokens SET last_used_at = now() - interval '61 seconds'"
        " WHERE user_id = $1",
        person.id,
    )
    await ask(browser, token)
    assert await superuser.fetchval(used, person.id) > first


async def test_giving_out_and_revoking_are_recorded(database, events, person):
    token = await tokens.issue(database, person.email, DAY)
    await tokens.revoke(database, token)
    recorded = await events(person.id, "administration")
    assert [event["action"] for event in recorded] == ["issue", "revoke"]
    assert {event["soc2_control"] for event in recorded} == {"CC6.1"}
    assert token[4:47] not in str(recorded)


async def test_a_token_needs_a_person_and_a_future(database, person):
    with pytest.raises(Problem, match="Nobody has"):
        await tokens.issue(database, "unknown@demo.example", DAY)
    with pytest.raises(Problem, match="more than zero"):
        await tokens.issue(database, person.email, timedelta(0))
