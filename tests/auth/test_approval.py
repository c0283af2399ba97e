"""Approval: the notification of approvers, the approval, and the refusal of everybody else."""

import asyncio
from html import unescape
from uuid import uuid4

import pytest

from auth.accounts.approval import MAX_MAILS_PER_HOUR, tell_approvers
from auth.credentials.people import create_person
from tests.auth.conftest import PASSWORD, Mailbox, hidden, send, sign_in

HERE = "/account/approvals"
EARLIEST = "UPDATE profiles SET created_at = '2000-01-01' WHERE email = $1"
"""A date before that of anybody else who waits: the page shows a number of people, oldest first."""
LONG_AGO = "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1"


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


@pytest.fixture
def email():
    return f"new+{uuid4().hex}@demo.example"


@pytest.fixture
async def approver(browse, person):
    """Return the browser of a person whom the operator has named."""
    browser = browse(sign_up="approval", approvers=(person.email,))
    await sign_in(browser, person.email)
    return browser


@pytest.fixture
async def waiting(database, email, superuser):
    """Return the ID of a person who waits."""
    id = await create_person(database, email, "New <b>Person", PASSWORD, approved=False)
    await superuser.execute(EARLIEST, email)
    return id


async def press(browser, what, id, **fields):
    form = {**hidden((await browser.get("/account")).text), "id": str(id), **fields}
    return await browser.post(f"{HERE}/{what}", data=form)


async def test_whoever_waits_is_let_in(approver, browse, person, mailbox, email, events, superuser):
    newcomer = browse(sign_up="approval", approvers=(person.email,))
    await send(newcomer, "/sign-up", email=email)
    link = await mailbox.link(email)
    assert await mailbox.of(person.email) == []
    await send(newcomer, link, full_name="New Person", password=PASSWORD)
    [asked] = await mailbox.of(person.email)
    assert email in asked.text
    assert f"http://127.0.0.1:8000{HERE}" in asked.text
    await superuser.execute(EARLIEST, email)
    page = (await approver.get(HERE)).text
    assert email in page
    assert f'href="{HERE}"' in (await approver.get("/account")).text
    id = await superuser.fetchval("SELECT id FROM profiles WHERE email = $1", email)
    answer = await press(approver, "approve", id)
    assert answer.headers["location"] == f"{HERE}?news=approved"
    page = (await approver.get(answer.headers["location"])).text
    assert "notified by mail" in page
    assert email not in page
    assert (await mailbox.of(email))[-1].subject == "Your account has been approved"
    assert (await sign_in(newcomer, email)).status_code == 303
    event = (await events(id, "administration"))[-1]
    assert (event["action"], event["actor_id"], event["soc2_control"]) == (
        "approve",
        person.id,
        "CC6.2",
    )
    assert event["version"] == 2


async def test_whoever_is_refused_is_gone_and_may_ask_again(
    approver, browse, person, mailbox, email, waiting, events, superuser
):
    answer = await press(approver, "refuse", waiting)
    assert answer.headers["location"] == f"{HERE}?news=refused"
    [mail] = await mailbox.of(email)
    assert mail.subject == "Your account has not been approved"
    newcomer = browse(sign_up="approval")
    assert (await sign_in(newcomer, email)).status_code == 401
    kept = "SELECT count(*) FROM profile_credentials WHERE user_id = $1"
    assert await superuser.fetchval(kept, waiting) == 0
    [event] = await events(waiting, "administration")
    assert (event["action"], event["actor_id"], event["soc2_control"]) == (
        "refuse",
        person.id,
        "CC6.2",
    )
    await send(newcomer, "/sign-up", email=email)
    answer = await send(newcomer, await mailbox.link(email), full_name="A", password=PASSWORD)
    assert answer.headers["location"] == "/sign-up/waiting"


async def test_who_invites_them_is_shown(approver, email, waiting, superuser):
    organization, owner = uuid4(), uuid4()
    await superuser.execute(
        "INSERT INTO organizations (id, name, slug) VALUES ($1, 'Rover <i>', $2)",
        organization,
        f"o-{organization.hex}",
    )
    await superuser.execute(
        "INSERT INTO organization_invitations (organization_id, email, token, expires_at)"
        " VALUES ($1, $2, $3, now() + interval '1 day')",
        organization,
        email,
        owner,
    )
    page = (await approver.get(HERE)).text
    assert "invited to Rover <i>" in unescape(page)
    assert "New <b>Person" in unescape(page)
    assert "<i>" not in page
    assert "<b>" not in page


async def test_to_others_there_is_no_such_page(browse, person, email, waiting, superuser):
    browser = browse(sign_up="approval", approvers=(f"x{person.email}",))
    answer = await browser.get(HERE)
    assert answer.headers["location"] == "/sign-in?next=%2Faccount%2Fapprovals"
    await sign_in(browser, person.email)
    assert HERE not in (await browser.get("/account")).text
    form = hidden((await browser.get("/account")).text) | {"id": str(waiting)}
    answers = [
        await browser.get(HERE),
        await browser.post(f"{HERE}/approve", data=form),
        await browser.post(f"{HERE}/refuse", data=form),
    ]
    assert {answer.status_code for answer in answers} == {404}
    row = await superuser.fetchrow("SELECT * FROM profiles WHERE id = $1", waiting)
    assert (row["is_approved"], row["deleted_at"], row["version"]) == (False, None, 1)


async def test_deciding_asks_for_a_fresh_proof(approver, person, waiting, superuser):
    form = hidden((await approver.get(HERE)).text) | {"id": str(waiting)}
    await superuser.execute(LONG_AGO, person.id)
    answers = [
        await approver.get(HERE),
        await approver.post(f"{HERE}/approve", data=form),
        await approver.post(f"{HERE}/refuse", data=form),
    ]
    assert {a.headers["location"] for a in answers} == {"/prove?next=%2Faccount%2Fapprovals"}
    row = await superuser.fetchrow("SELECT * FROM profiles WHERE id = $1", waiting)
    assert (row["is_approved"], row["deleted_at"]) == (False, None)


async def test_of_many_decisions_at_once_one_holds(approver, mailbox, email, waiting, superuser):
    form = hidden((await approver.get(HERE)).text) | {"id": str(waiting)}
    answers = await asyncio.gather(
        *(approver.post(f"{HERE}/{what}", data=form) for what in ("approve", "refuse") * 3)
    )
    told = [answer.headers["location"].partition("=")[2] for answer in answers]
    assert told.count("settled") == 5
    assert len(await mailbox.of(email)) == 1
    decided = "SELECT is_approved, version FROM profiles WHERE id = $1"
    approved, version = await superuser.fetchrow(decided, waiting)
    assert version == 2 + approved  # an approved person gets a personal organization


async def test_nobody_is_decided_about_twice_or_by_mistake(approver, person, waiting, superuser):
    await press(approver, "approve", waiting)
    answer = await press(approver, "refuse", waiting)
    assert answer.headers["location"] == f"{HERE}?news=settled"
    assert (await press(approver, "refuse", person.id)).headers["location"].endswith("settled")
    rows = await superuser.fetch(
        "SELECT deleted_at FROM profiles WHERE id = ANY($1)", [waiting, person.id]
    )
    assert [row["deleted_at"] for row in rows] == [None, None]
    for odd in ("", "x", "\0", "'", "x" * 15_000, "\r\nA: b"):
        assert (await press(approver, "approve", odd)).status_code == 404


async def test_a_form_from_elsewhere_decides_nothing(approver, browse, person, waiting, superuser):
    form = hidden((await approver.get(HERE)).text) | {"id": str(waiting)}
    for what in ("approve", "refuse"):
        for fields, headers in (
            (form | {"csrf_token": "x"}, {}),
            (form, {"origin": "https://evil.example"}),
        ):
            answer = await approver.post(f"{HERE}/{what}", data=fields, headers=headers)
            assert answer.status_code == 403
    query = "SELECT version FROM profiles WHERE id = $1"
    assert await superuser.fetchval(query, waiting) == 1


async def test_approvers_are_not_flooded(settings, database):
    approvers = ("one@demo.example", "two@demo.example")
    outbox = Mailbox(settings.model_copy(update={"approvers": approvers}))
    for number in range(MAX_MAILS_PER_HOUR + 5):
        await tell_approvers(database, outbox, f"p{number}@demo.example", "http://evil.example/x")
    for approver in approvers:
        mails = await outbox.of(approver)
        assert len(mails) == MAX_MAILS_PER_HOUR
        assert "evil.example" not in mails[0].text
