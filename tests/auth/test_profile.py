"""One's own profile: name, job title, and another e-mail address, which is confirmed."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from auth.credentials.people import create_person
from tests.auth.conftest import ANOTHER, PASSWORD, hidden, send, sign_in
from tests.locks import gate

EMAIL = "SELECT email FROM profiles WHERE id = $1"


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


@pytest.fixture
async def mine(browse, person):
    """Return the person's browser, signed in."""
    browser = browse()
    await sign_in(browser, person.email)
    return browser


@pytest.fixture
def new():
    return f"new+{uuid4().hex}@demo.example"


async def test_the_profile_is_changed_and_recorded_as_any_change(mine, person, superuser):
    answer = await send(mine, "/account/profile", full_name=" <b>Ada</b> ", job_title="Engineer")
    page = (await mine.get(answer.headers["location"])).text
    assert "Your profile has been changed." in page
    assert 'value="&lt;b&gt;Ada&lt;/b&gt;"' in page
    assert 'value="Engineer"' in page
    assert "&lt;b&gt;Ada&lt;/b&gt;" in (await mine.get("/account")).text
    rows = await superuser.fetch(
        "SELECT * FROM audit_logs WHERE entity_id = $1 AND event_type = 'update'", person.id
    )
    assert [row["changed_fields"] for row in rows] == [["full_name", "job_title"]]
    assert rows[0]["actor_id"] == person.id
    await send(mine, "/account/profile", full_name="", job_title="")
    row = await superuser.fetchrow("SELECT * FROM profiles WHERE id = $1", person.id)
    assert (row["full_name"], row["job_title"]) == (None, None)


@pytest.mark.slow
@pytest.mark.parametrize("field", ["full_name", "job_title"])
@pytest.mark.parametrize("text", ["a\0b", "a\r\nb", "x" * 501])
async def test_what_is_no_line_is_refused_beside_its_field(mine, person, superuser, field, text):
    answer = await send(mine, "/account/profile", **{field: text})
    assert answer.status_code == 400
    refused = answer.text.split(f'id="{field}" name=')[1].split(">")[0]
    assert 'aria-invalid="true"' in refused
    assert 'aria-describedby="refusal"' in refused
    row = await superuser.fetchrow("SELECT * FROM profiles WHERE id = $1", person.id)
    assert (row["full_name"], row["job_title"], row["version"]) == ("A Member", None, 1)


async def test_another_address_counts_once_it_is_confirmed(
    mine, browse, person, new, mailbox, superuser, events
):
    answer = await send(mine, "/account/email", email=new.upper())
    assert answer.headers["location"] == "/mail-sent"
    link = await mailbox.link(new)
    [warning] = await mailbox.of(person.email)
    assert warning.subject == "Another address has been asked for"
    assert "\nAnother e-mail address has been asked for, for your account." in warning.text
    for _ in range(3):
        assert new in (await mine.get(link)).text
        assert (await mine.head(link)).status_code == 200
    assert await superuser.fetchval(EMAIL, person.id) == person.email
    answer = await send(mine, link)
    assert "has been changed" in (await mine.get(answer.headers["location"])).text
    assert await superuser.fetchval(EMAIL, person.id) == new
    assert (await sign_in(browse(), new)).status_code == 303
    assert (await sign_in(browse(), person.email)).status_code == 401
    assert (await mailbox.of(person.email))[
        -1
    ].subject == "The e-mail address of your account has changed"
    recorded = await events(person.id, "administration")
    asked, changed = recorded[-2:]
    assert (asked["action"], changed["action"]) == ("email_change_request", "email_change")
    assert {event["soc2_control"] for event in (asked, changed)} == {"CC6.1"}
    assert (changed["actor_id"], changed["version"]) == (person.id, 2)
    assert new not in str(asked)
    assert link.partition("=")[2] not in str(recorded)
    assert (await mine.get(link)).status_code == 404


async def test_whoever_has_the_new_mailbox_alone_changes_nothing(
    mine, browse, database, new, mailbox, person, superuser
):
    await send(mine, "/account/email", email=new)
    link = await mailbox.link(new)
    stranger = browse()
    assert (await stranger.get(link)).headers["location"].startswith("/sign-in?next=%2Faccount%2F")
    other = f"other+{uuid4().hex}@demo.example"
    await create_person(database, other, None, PASSWORD)
    await sign_in(stranger, other)
    answer = await stranger.get(link)
    assert answer.status_code == 403
    assert "for another account" in answer.text
    assert new not in answer.text
    form = hidden((await stranger.get("/account")).text) | {"token": link.partition("=")[2]}
    assert (await stranger.post("/account/email/confirm", data=form)).status_code == 403
    assert await superuser.fetchval(EMAIL, person.id) == person.email


async def test_an_address_that_is_taken_is_told_by_mail_alone(
    mine, database, new, mailbox, person, superuser
):
    await create_person(database, new, None, PASSWORD)
    free = f"x{new}"
    for email in (new, free):
        answer = await send(mine, "/account/email", email=email)
        assert (answer.status_code, answer.headers["location"]) == (303, "/mail-sent")
    [mail] = await mailbox.of(new)
    assert mail.subject == "Your address was entered for another account"
    assert "token=" not in mail.text
    assert len(await mailbox.of(person.email)) == 2
    link = await mailbox.link(free)
    await create_person(database, free, None, PASSWORD)  # taken between asking and confirming
    answer = await send(mine, link)
    assert answer.status_code == 409
    assert await superuser.fetchval(EMAIL, person.id) == person.email


@pytest.mark.slow
@pytest.mark.parametrize("what", ["a later one", "another password", "a reset", "its time"])
async def test_what_calls_a_change_off(mine, browse, new, mailbox, person, superuser, what):
    await send(mine, "/account/email", email=new)
    link = await mailbox.link(new)
    if what == "a later one":
        await send(mine, "/account/email", email=f"x{new}")
        await mailbox.settle()
    elif what == "another password":
        await send(mine, "/account/password", current_password=PASSWORD, password=ANOTHER)
    elif what == "a reset":
        await send(browse(), "/forgotten-password", email=person.email)
        reset = await mailbox.link(person.email)
        await send(browse(), reset, password=ANOTHER)
        await sign_in(mine, person.email, ANOTHER)
    else:
        await superuser.execute(
            "UPDATE mailed_links SET created_at = created_at - $2::interval,"
            " expires_at = expires_at - $2::interval WHERE email = $1",
            new,
            timedelta(hours=24),
        )
    assert (await mine.get(link)).status_code == 404
    assert await superuser.fetchval(EMAIL, person.id) == person.email


async def test_a_new_address_calls_off_links_that_the_old_one_got(
    mine, browse, new, mailbox, person
):
    await send(browse(), "/forgotten-password", email=person.email)
    reset = await mailbox.link(person.email)
    await send(mine, "/account/email", email=new)
    await send(mine, await mailbox.link(new))
    assert (await browse().get(reset)).status_code == 404


WRITTEN_LATE = (
    "TRIGGER hold BEFORE INSERT ON mailed_links FOR EACH ROW WHEN (NEW.purpose = 'password_reset')"
)


async def test_a_link_that_is_written_after_the_address_has_changed_changes_no_password(
    mine, browse, new, mailbox, person, superuser_dsn
):
    await send(mine, "/account/email", email=new)
    confirm, stranger = await mailbox.link(new), browse()
    async with gate(superuser_dsn, WRITTEN_LATE) as written:
        await send(stranger, "/forgotten-password", email=person.email)
        await written.reached()
        assert (await send(mine, confirm)).headers["location"] == "/account?news=email"
        await written.open()
        link = await mailbox.link(person.email)
    assert "/forgotten-password/choose?token=" in link
    assert (await stranger.get(link)).status_code == 404
    form = hidden((await stranger.get("/forgotten-password")).text)
    form |= {"token": link.partition("token=")[2], "password": ANOTHER}
    assert (await stranger.post("/forgotten-password/choose", data=form)).status_code == 404
    assert (await sign_in(browse(), new)).status_code == 303


async def test_a_change_confirmed_many_times_at_once_is_made_once(
    mine, new, mailbox, person, superuser
):
    await send(mine, "/account/email", email=new)
    form = hidden((await mine.get(await mailbox.link(new))).text)
    answers = await asyncio.gather(
        *(mine.post("/account/email/confirm", data=form) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [303] + [404] * 5
    version = "SELECT version FROM profiles WHERE id = $1"
    assert await superuser.fetchval(version, person.id) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "email", ["", "nobody", "a\0@demo.example", "a@b\r\nBcc: c@d.example", "x" * 9000, "own"]
)
async def test_what_cannot_be_the_new_address_is_refused(mine, mailbox, person, email):
    answer = await send(mine, "/account/email", email=person.email if email == "own" else email)
    assert answer.status_code == 400
    assert 'aria-invalid="true"' in answer.text
    assert mailbox.mails == []


async def test_no_mail_no_new_address(browse, person, new):
    browser = browse(gateway_env="production")
    await sign_in(browser, person.email)
    answer = await send(browser, "/account/email", email=new)
    assert answer.status_code == 404
