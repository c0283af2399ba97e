"""Signing up: a confirmed address, a password, perhaps an approval."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from auth.credentials.people import approve, create_person
from tests.auth.conftest import PASSWORD, hidden, send, sign_in

WAITS = "is waiting for approval"


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


@pytest.fixture
def email():
    return f"new+{uuid4().hex}@demo.example"


async def confirm(browser, link, name="New Person", password=PASSWORD):
    return await send(browser, link, full_name=name, password=password)


async def test_whoever_confirms_their_address_has_an_account(browser, mailbox, email, superuser):
    answer = await send(browser, "/sign-up", email=email.upper())
    assert (answer.status_code, answer.headers["location"]) == (303, "/mail-sent")
    assert "Check your mail" in (await browser.get("/mail-sent")).text
    link = await mailbox.link(email)
    assert email in (await browser.get(link)).text
    answer = await confirm(browser, link)
    assert answer.headers["location"] == "/sign-in?news=signed-up"
    assert "is ready" in (await browser.get(answer.headers["location"])).text
    assert (await sign_in(browser, email)).status_code == 303
    assert (await browser.get("/session")).json()["fullName"] == "New Person"
    row = await superuser.fetchrow("SELECT * FROM profiles WHERE email = $1", email)
    assert row["is_approved"]


async def test_without_the_link_there_is_no_account(browser, mailbox, email, superuser):
    await send(browser, "/sign-up", email=email)
    await mailbox.settle()
    count = "SELECT count(*) FROM profiles WHERE email = $1"
    assert await superuser.fetchval(count, email) == 0
    assert (await sign_in(browser, email)).status_code == 401


async def test_the_answer_is_given_before_the_address_is_looked_up(
    browse, mailbox, email, person, monkeypatch
):
    behind = []
    monkeypatch.setattr(mailbox, "start", behind.append)
    for path in ("/sign-up", "/forgotten-password"):
        answers = [await send(browse(), path, email=who) for who in (email, person.email)]
        assert {answer.status_code for answer in answers} == {303}
        assert {answer.headers["location"] for answer in answers} == {"/mail-sent"}
        assert {answer.headers.get("set-cookie") for answer in answers} == {None}
    assert len(behind) == 4
    assert mailbox.mails == []
    for work in behind:
        work.close()


async def test_whoever_has_an_account_is_told_by_mail_alone(browser, mailbox, person, superuser):
    assert (await send(browser, "/sign-up", email=person.email)).status_code == 303
    [mail] = await mailbox.of(person.email)
    assert mail.subject == "You already have an account"
    assert "token=" not in mail.text
    links = "SELECT count(*) FROM mailed_links WHERE email = $1"
    assert await superuser.fetchval(links, person.email) == 0


async def test_looking_at_a_link_does_not_use_it_up(browser, mailbox, email):
    await send(browser, "/sign-up", email=email)
    link = await mailbox.link(email)
    for _ in range(3):
        assert (await browser.get(link)).status_code == 200
        assert (await browser.head(link)).status_code == 200
    assert (await confirm(browser, link)).status_code == 303


async def test_a_link_works_once(browser, mailbox, email):
    await send(browser, "/sign-up", email=email)
    link = await mailbox.link(email)
    form = {**hidden((await browser.get(link)).text), "full_name": "A", "password": PASSWORD}
    assert (await browser.post("/sign-up/confirm", data=form)).status_code == 303
    again = await browser.post("/sign-up/confirm", data=form)
    assert again.status_code == 404
    assert "has been used" in again.text
    assert (await browser.get(link)).status_code == 404


async def test_a_link_used_eight_times_at_once_works_once(browser, mailbox, email, superuser):
    await send(browser, "/sign-up", email=email)
    link = await mailbox.link(email)
    form = {**hidden((await browser.get(link)).text), "full_name": "A", "password": PASSWORD}
    answers = await asyncio.gather(*(browser.post("/sign-up/confirm", data=form) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [303] + [404] * 7
    made = "SELECT count(*) FROM profiles WHERE email = $1"
    assert await superuser.fetchval(made, email) == 1


async def test_of_two_links_for_an_address_one_makes_the_account(browser, mailbox, email):
    await send(browser, "/sign-up", email=email)
    first = await mailbox.link(email)
    await send(browser, "/sign-up", email=email)
    second = await mailbox.link(email)
    assert first != second
    assert (await confirm(browser, first)).status_code == 303
    assert (await browser.get(second)).status_code == 404


async def test_an_account_made_meanwhile_is_not_made_twice(browser, mailbox, database, email):
    await send(browser, "/sign-up", email=email)
    link = await mailbox.link(email)
    await create_person(database, email, None, PASSWORD)
    answer = await confirm(browser, link)
    assert answer.status_code == 409
    assert "This e-mail address is already in use." in answer.text


async def test_a_link_expires(browser, mailbox, email, superuser):
    await send(browser, "/sign-up", email=email)
    link = await mailbox.link(email)
    await superuser.execute(
        "UPDATE mailed_links SET created_at = created_at - $2::interval,"
        " expires_at = expires_at - $2::interval WHERE email = $1",
        email,
        timedelta(hours=24),
    )
    assert (await browser.get(link)).status_code == 404


@pytest.mark.parametrize(
    "token", ["", "x", "x" * 43, "x" * 30_000, "%00", "%0d%0aSet-Cookie:%20a=b", "%ff", "'--"]
)
async def test_what_is_no_link_is_a_page_that_says_so(browser, token):
    for path in ("/sign-up/confirm", "/forgotten-password/choose"):
        answer = await browser.get(f"{path}?token={token}")
        assert answer.status_code == 404
        assert "Request refused" in answer.text
        assert "set-cookie" not in answer.headers


async def test_only_a_digest_of_the_link_is_kept(browser, mailbox, email, superuser):
    await send(browser, "/sign-up", email=email)
    secret = (await mailbox.link(email)).partition("token=")[2]
    row = await superuser.fetchrow("SELECT * FROM mailed_links WHERE email = $1", email)
    assert secret not in str(row)
    assert len(row["token_hash"]) == 32


@pytest.mark.parametrize(
    ("name", "password", "says", "field"),
    [
        ("A", "short", "at least 12 characters", "password"),
        ("A", "password1234", "one of the commonest", "password"),
        ("a\0b", PASSWORD, "not a name", "full_name"),
        ("a\r\nSet-Cookie: b=c", PASSWORD, "not a name", "full_name"),
        ("x" * 501, PASSWORD, "at most 500 characters", "full_name"),
    ],
)
async def test_what_is_not_acceptable_is_said_beside_its_field(
    browser, mailbox, email, name, password, says, field
):
    await send(browser, "/sign-up", email=email)
    link = await mailbox.link(email)
    answer = await confirm(browser, link, name, password)
    assert answer.status_code == 400
    assert says in answer.text
    refused = answer.text.split(f'id="{field}" name=')[1].split(">")[0]
    assert 'aria-invalid="true"' in refused
    assert (await confirm(browser, link)).status_code == 303


@pytest.mark.parametrize("email", ["", "nobody", "a\0@demo.example", "a@b\r\nBcc: c@d.example"])
async def test_what_is_no_address_is_refused(browser, mailbox, email):
    for path in ("/sign-up", "/forgotten-password"):
        answer = await send(browser, path, email=email)
        assert answer.status_code == 400
        assert "This is not an e-mail address." in answer.text
    assert mailbox.mails == []


async def test_where_accounts_are_approved_they_wait(browse, mailbox, email, database):
    browser = browse(sign_up="approval")
    await send(browser, "/sign-up", email=email)
    answer = await confirm(browser, await mailbox.link(email))
    assert WAITS in (await browser.get(answer.headers["location"])).text
    answer = await sign_in(browser, email)
    assert answer.status_code == 403
    assert "not been approved yet" in answer.text
    assert await approve(database, email)
    assert not await approve(database, email)
    assert (await sign_in(browser, email)).status_code == 303


@pytest.mark.parametrize("changed", [{"sign_up": "closed"}, {"gateway_env": "production"}])
async def test_where_signing_up_is_closed_nobody_signs_up(browse, mailbox, email, changed):
    await send(browse(), "/sign-up", email=email)
    link = await mailbox.link(email)
    browser = browse(**changed)
    for path in ("/sign-up", link):
        answer = await browser.get(path)
        assert answer.status_code == 404
        assert "Ask an administrator" in answer.text
    assert "/sign-up" not in (await browser.get("/")).text
    assert "/sign-up" not in (await browser.get("/sign-in")).text
    form = hidden((await browse().get(link)).text)
    for path in ("/sign-up", "/sign-up/confirm"):
        answer = await browser.post(path, data={**form, "email": f"x{email}", "full_name": "x"})
        assert answer.status_code in (403, 404)
    assert len(mailbox.mails) == 1


async def test_in_production_without_a_mail_server_nothing_that_needs_mail_is_offered(browse):
    browser = browse(gateway_env="production", sign_up="open")
    for path in ("/sign-up", "/forgotten-password"):
        answer = await browser.get(path)
        assert answer.status_code == 404
        assert "cannot send mail" in answer.text


async def test_forms_from_elsewhere_are_refused(browser, mailbox, email):
    evil = {"origin": "https://evil.example"}
    for path in ("/sign-up", "/forgotten-password"):
        form = {**hidden((await browser.get(path)).text), "email": email}
        assert (await browser.post(path, data=form, headers=evil)).status_code == 403
        form["csrf_token"] = "x.y"
        assert (await browser.post(path, data=form)).status_code == 403
    await mailbox.settle()
    assert mailbox.mails == []


async def test_mails_asked_for_are_throttled_for_known_and_unknown_alike(
    browse, mailbox, email, person
):
    known, unknown = browse(), browse()
    for _ in range(4):
        one = await send(known, "/forgotten-password", email=person.email)
        other = await send(unknown, "/forgotten-password", email=email)
        assert one.status_code == other.status_code
    assert one.status_code == 429
    assert one.headers["retry-after"] == other.headers["retry-after"] == "1"
    assert "Too many mails were asked for" in one.text
    assert len(await mailbox.of(person.email)) == 3
    assert (await sign_in(browse(), person.email)).status_code == 303


async def test_it_is_recorded_without_the_address(browser, mailbox, email, superuser, events):
    await send(browser, "/sign-up", email=email)
    await confirm(browser, await mailbox.link(email))
    id = await superuser.fetchval("SELECT id FROM profiles WHERE email = $1", email)
    [created] = await events(id, "create")
    assert (created["soc2_control"], created["source_system"]) == ("CC6.2", "api")
    asked = await superuser.fetchrow(
        "SELECT * FROM audit_logs WHERE action = 'sign_up_request' ORDER BY created_at DESC LIMIT 1"
    )
    assert asked["soc2_control"] == "CC6.2"
    assert email not in str(asked)


async def test_an_approval_is_recorded(database, email, events):
    id = await create_person(database, email, None, PASSWORD, approved=False)
    await approve(database, email)
    [event] = await events(id, "administration")
    assert (event["action"], event["version"]) == ("approve", 2)
    assert event["soc2_control"] == "CC6.2"
