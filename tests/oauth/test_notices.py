"""The consent before an application gets the scope `admin`, and the notices by mail."""

import asyncio

import pytest

from auth.accounts.access import disconnect
from auth.credentials.people import set_password
from auth.origin import Origin
from auth.viewer import Viewer
from tests.mails import captured
from tests.oauth.conftest import PASSWORD, hidden, press, told
from tests.oauth.test_pushed import pushed, visit
from tests.oauth.test_refresh import AGO

LONG_AGO = "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1"


@pytest.fixture
def mails():
    with captured() as mails:
        yield mails


async def test_everything_is_allowed_after_a_fresh_proof_alone(
    planner, person, database, superuser
):
    await set_password(database, person.email, PASSWORD)
    await superuser.execute("UPDATE sessions SET ended_at = NULL WHERE user_id = $1", person.id)
    early = await planner.open(person.browser, scope="admin")
    assert early.status_code == 200
    await superuser.execute(LONG_AGO, person.id)
    for sent in (
        await planner.open(person.browser, scope="admin"),
        await press(person.browser, early),
    ):
        assert sent.headers["location"].startswith("/prove?next=%2Foauth%2Fauthorize%3F")
    assert "error" in told(await press(person.browser, early, "cancel"))
    page = await person.browser.get(sent.headers["location"])
    answer = await person.browser.post(
        "/prove", data={**hidden(page.text), "current_password": PASSWORD}
    )
    page = await person.browser.get(answer.headers["location"])
    assert "Allow Planner?" in page.text
    code = told(await press(person.browser, page))["code"]
    assert (await planner.redeem(code)).json()["scope"] == "admin"


async def test_a_pushed_request_waits_for_the_proof(planner, person, superuser):
    asked = await pushed(planner, scope="admin")
    page = await visit(person.browser, asked)
    await superuser.execute(LONG_AGO, person.id)
    for sent in (await press(person.browser, page), await visit(person.browser, asked)):
        assert sent.headers["location"].startswith("/prove?next=%2Foauth%2Fauthorize%3F")
    await superuser.execute("UPDATE sessions SET proved_at = now() WHERE user_id = $1", person.id)
    assert "code" in told(await press(person.browser, await visit(person.browser, asked)))


async def test_less_than_everything_asks_for_no_proof(planner, person, superuser):
    await superuser.execute(LONG_AGO, person.id)
    page = await planner.open(person.browser)
    assert page.status_code == 200
    assert "code" in told(await press(person.browser, page))


async def test_nobody_is_asked_behind_a_silent_request(planner, person, superuser):
    await superuser.execute(LONG_AGO, person.id)
    answer = await planner.open(person.browser, scope="admin", prompt="none")
    assert told(answer)["error"] == "consent_required"


@pytest.mark.slow
@pytest.mark.parametrize("what", ["code", "refresh token"])
async def test_a_second_use_is_told_by_one_mail(planner, person, superuser, mails, what):
    code = await planner.code(person)
    first = (await planner.redeem(code)).json()
    await mails.arrived(person.email)
    if what == "refresh token":
        await planner.refresh(first["refresh_token"])
        await superuser.execute(AGO, planner.client_id)

    def again():
        if what == "code":
            return planner.redeem(code)
        return planner.refresh(first["refresh_token"])

    answers = await asyncio.gather(*(again() for _ in range(4)))
    assert {answer.json()["error"] for answer in answers} == {"invalid_grant"}
    await mails.arrived(person.email, 2)
    await again()
    await asyncio.sleep(0.1)
    (_, (subject, text)) = mails.to(person.email)
    assert subject == "Planner has been disconnected from your account"
    assert "/account/applications" in text
    for secret in (code, *first.values()):
        assert str(secret) not in text or secret in ("Bearer", 3600)


@pytest.mark.slow
async def test_each_family_has_a_mail_of_its_own(planner, person, superuser, mails):
    for number in (2, 3):
        code = await planner.code(person)
        await planner.redeem(code)
        await planner.redeem(code)
        await mails.arrived(person.email, number)
    assert len(mails.to(person.email)) == 3


async def test_a_lost_answer_that_is_asked_for_again_is_no_second_use(planner, person, mails):
    first = await planner.connect(person)
    await mails.arrived(person.email)
    for _ in range(2):
        assert (await planner.refresh(first["refresh_token"])).status_code == 200
    await asyncio.sleep(0.1)
    assert len(mails.to(person.email)) == 1


async def test_what_was_ended_before_is_not_told_again(planner, person, database, mails):
    first = await planner.connect(person)
    await mails.arrived(person.email)
    await disconnect(database, Viewer(person.id), planner.client_id, Origin())
    assert (await planner.refresh(first["refresh_token"])).status_code == 400
    await asyncio.sleep(0.1)
    assert len(mails.to(person.email)) == 1


async def test_a_new_application_is_told_once(applications, person, database, mails):
    application = await applications(name="Evil https://evil.example/x", public=True)
    await application.connect(person)
    [(subject, text)] = await mails.arrived(person.email)
    assert subject.endswith("can now act for you")
    assert "See your documents" in text
    assert "evil.example" not in subject + text
    await application.connect(person)
    await application.connect(person, scope="requirements:write")
    await asyncio.sleep(0.1)
    assert len(mails.to(person.email)) == 1
    await disconnect(database, Viewer(person.id), application.client_id, Origin())
    await application.connect(person)
    await mails.arrived(person.email, 2)


async def test_who_cancels_is_told_nothing(planner, person, mails):
    await planner.decide(person.browser, "cancel")
    await asyncio.sleep(0.1)
    assert mails.to(person.email) == []


async def test_an_outbox_that_is_full_costs_the_mail_alone(planner, person, mails, monkeypatch):
    monkeypatch.setattr("auth.accounts.mail.MAX_BACKGROUND_TASKS", 0)
    code = await planner.code(person)
    assert (await planner.redeem(code)).status_code == 200
    assert (await planner.redeem(code)).json()["error"] == "invalid_grant"
    assert mails.to(person.email) == []
