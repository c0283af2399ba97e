"""Forgotten passwords, and passwords changed by those who know them."""

import asyncio
from datetime import timedelta

import pytest

from auth.credentials import tokens
from auth.credentials.tokens import PERSONAL, new_token
from auth.secret import digest
from tests.auth.conftest import ANOTHER, PASSWORD, hidden, send, sign_in


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


@pytest.fixture
async def link(browse, mailbox, person):
    await send(browse(), "/forgotten-password", email=person.email)
    return await mailbox.link(person.email)


async def test_whoever_forgot_their_password_chooses_another(browser, link, person):
    assert person.email in (await browser.get(link)).text
    answer = await send(browser, link, password=ANOTHER)
    assert answer.headers["location"] == "/sign-in?news=changed"
    assert (await sign_in(browser, person.email)).status_code == 401
    assert (await sign_in(browser, person.email, ANOTHER)).status_code == 303


async def test_a_reset_ends_every_session_and_token_and_says_so_by_mail(
    browse, database, link, person, mailbox, superuser
):
    thief = browse()
    await sign_in(thief, person.email)
    token = await tokens.issue(database, person.email, timedelta(hours=1))
    bearer = {"authorization": f"Bearer {token}"}
    assert (await browse().get("/me", headers=bearer)).status_code == 200
    await superuser.execute(
        "INSERT INTO oauth_refresh_tokens (token, client_id, user_id, expires_at)"
        " VALUES (encode(sha256($1::text::bytea), 'hex'), $2, $3, now() + interval '1 day')",
        str(person.id),
        tokens.CLIENT,
        person.id,
    )
    await send(browse(), link, password=ANOTHER)
    assert not (await thief.get("/session")).json()["signedIn"]
    assert (await browse().get("/me", headers=bearer)).status_code == 401
    live = "SELECT count(*) FROM oauth_refresh_tokens WHERE user_id = $1 AND revoked_at IS NULL"
    assert await superuser.fetchval(live, person.id) == 0
    notice = (await mailbox.of(person.email))[-1]
    assert notice.subject == "Your password has been changed"
    assert "token=" not in notice.text


async def test_a_reset_ends_personal_tokens_and_the_record_has_it(browse, link, person, superuser):
    token = new_token(PERSONAL)
    id = await superuser.fetchval(
        "INSERT INTO personal_tokens (user_id, name, key_hash, hint, scopes, expires_at)"
        " VALUES ($1, 'Script', $2, $3, '{admin}', now() + interval '1 day') RETURNING id",
        person.id,
        digest(token),
        token[-4:],
    )
    bearer = {"authorization": f"Bearer {token}"}
    assert (await browse().get("/me", headers=bearer)).status_code == 200
    await send(browse(), link, password=ANOTHER)
    assert (await browse().get("/me", headers=bearer)).status_code == 401
    ended = await superuser.fetchrow("SELECT * FROM audit_logs WHERE entity_id = $1", id)
    assert (ended["action"], ended["version"], ended["soc2_control"]) == ("update", 2, "CC6.3")
    assert (ended["actor_id"], ended["changed_fields"]) == (person.id, ["revoked_at"])


async def test_a_link_used_eight_times_at_once_works_once(browser, link):
    form = hidden((await browser.get(link)).text)
    answers = await asyncio.gather(
        *(
            browser.post("/forgotten-password/choose", data={**form, "password": f"{ANOTHER} {n}"})
            for n in range(8)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [303] + [404] * 7


async def test_a_bad_password_does_not_use_the_link_up(browser, link):
    answer = await send(browser, link, password="short")
    assert answer.status_code == 400
    assert "at least 12 characters" in answer.text
    assert (await send(browser, link, password=ANOTHER)).status_code == 303
    assert (await browser.get(link)).status_code == 404


async def test_a_link_for_signing_up_changes_no_password(browser, mailbox, link, person):
    token = link.partition("token=")[2]
    assert (await browser.get(f"/sign-up/confirm?token={token}")).status_code == 404
    await send(browser, "/sign-up", email=f"x{person.email}")
    token = (await mailbox.link(f"x{person.email}")).partition("token=")[2]
    assert (await browser.get(f"/forgotten-password/choose?token={token}")).status_code == 404


@pytest.mark.parametrize("change", ["status = 'suspended'", "deleted_at = now()"])
async def test_closed_accounts_get_no_link(browser, mailbox, superuser, person, change):
    await superuser.execute(f"UPDATE profiles SET {change} WHERE id = $1", person.id)
    answer = await send(browser, "/forgotten-password", email=person.email)
    assert answer.headers["location"] == "/mail-sent"
    assert await mailbox.of(person.email) == []


async def test_whoever_reset_their_password_does_not_wait_for_earlier_failures(
    browser, link, person
):
    for _ in range(4):
        answer = await sign_in(browser, person.email, "not the password")
    assert answer.status_code == 429
    await send(browser, link, password=ANOTHER)
    assert (await sign_in(browser, person.email, ANOTHER)).status_code == 303


async def test_a_link_is_for_the_site_of_the_settings_whatever_the_host_header_says(
    browse, mailbox, person
):
    browser = browse()
    form = {**hidden((await browser.get("/forgotten-password")).text), "email": person.email}
    headers = {"host": "evil.example", "x-forwarded-host": "evil.example"}
    del browser.headers["origin"]
    await browser.post("/forgotten-password", data=form, headers=headers)
    [mail] = await mailbox.of(person.email)
    assert "evil" not in mail.text
    assert "http://127.0.0.1:8000/forgotten-password/choose?token=" in mail.text


async def test_whoever_knows_their_password_changes_it_and_stays_signed_in(browse, mailbox, person):
    browser, other = browse(), browse()
    for one in (browser, other):
        await sign_in(one, person.email)
    answer = await send(browser, "/account/password", current_password=PASSWORD, password=ANOTHER)
    assert answer.status_code == 303
    assert (await browser.get("/session")).json()["signedIn"]
    assert not (await other.get("/session")).json()["signedIn"]
    assert (await sign_in(browse(), person.email, ANOTHER)).status_code == 303
    told = [mail.subject for mail in await mailbox.of(person.email)]
    assert "Your password has been changed" in told


async def test_without_the_current_password_nothing_changes_and_failures_count(
    browser, person, events
):
    await sign_in(browser, person.email)
    page = "/account/password"
    statuses = []
    for _ in range(4):
        answer = await send(browser, page, current_password="wrong", password=ANOTHER)
        statuses.append(answer.status_code)
    assert statuses == [400, 400, 400, 429]
    assert (await browser.get("/session")).json()["signedIn"]
    failures = await events(person.id, "login_failed")
    assert [event["action"] for event in failures] == ["step_up"] * 3


async def test_whoever_is_not_signed_in_does_that_first(browser):
    answer = await browser.get("/account/password?a=b&c=%2F")
    assert answer.headers["location"] == "/sign-in?next=%2Faccount%2Fpassword%3Fa%3Db%26c%3D%252F"


async def test_changes_are_recorded_and_hold_no_secret(browser, link, person, events, superuser):
    await send(browser, link, password=ANOTHER)
    await sign_in(browser, person.email, ANOTHER)
    await send(browser, "/account/password", current_password=ANOTHER, password=PASSWORD)
    recorded = await events(person.id, "administration")
    assert [event["action"] for event in recorded] == [
        "password_reset_request",
        "password_reset",
        "password_change",
    ]
    assert {event["soc2_control"] for event in recorded} == {"CC6.1"}
    assert recorded[1]["actor_id"] == recorded[2]["actor_id"] == person.id
    for secret in (ANOTHER, PASSWORD, link.partition("token=")[2]):
        assert secret not in str(recorded)
