"""Known devices: remembered at each way to sign in, listed, removed, and told of when new."""

import json
from uuid import uuid4

import pytest

from auth.credentials import devices, known_browsers
from auth.credentials.people import create_person
from db.retention import prune
from tests.auth.conftest import PASSWORD, send, sign_in
from tests.auth.with_passkeys import add, answer
from tests.tenants import organization_of

HERE = "/account/devices"
KNOWN = "__Host-gateway-known"
ROWS = "SELECT * FROM devices WHERE user_id = $1 ORDER BY created_at"
NOTICES = "SELECT * FROM notifications WHERE user_id = $1"
NEW = "A sign-in from a new browser"


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


async def email_of(browser):
    return (await browser.get("/me")).json()["email"]


def forms(page):
    """Return the IDs in the forms of the page, in order."""
    return [part.split('"')[0] for part in page.split('name="id" value="')[1:]]


async def test_a_device_is_one_browser_however_often_it_signs_in(browse, person, superuser):
    browser = browse(ip="198.51.100.7")
    browser.headers["user-agent"] = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
    for _ in range(3):
        await sign_in(browser, person.email)
        await send(browser, "/account", "/sign-out")
    [row] = await superuser.fetch(ROWS, person.id)
    assert str(row["network"]) == "198.51.100.0/24"
    assert row["last_seen_at"] > row["created_at"]
    name = browser.cookies[KNOWN].split(".")[1]
    assert name.encode() not in row["token_hash"]
    await sign_in(browser, person.email)
    page = (await browser.get(HERE)).text
    assert "Firefox on Linux" in page
    assert "198.51.100.0/24" in page
    assert "198.51.100.7" not in page
    assert "this one" in page


async def test_a_removed_device_is_signed_out_and_new_again(
    browse, person, superuser, mailbox, events
):
    here, there = browse(), browse()
    for browser in (there, here):
        await sign_in(browser, person.email)
    assert [mail.subject for mail in await mailbox.of(person.email)] == [NEW]
    known = there.cookies[KNOWN]
    [current, other] = forms((await here.get(HERE)).text)
    page = await here.get(HERE)
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    removed = await here.post(f"{HERE}/remove", data={"csrf_token": token, "id": other})
    assert removed.headers["location"] == f"{HERE}?news=removed"
    assert await email_of(there) is None
    assert await email_of(here) == person.email
    assert forms((await here.get(HERE)).text) == [current]
    recorded = (await events(person.id, "administration"))[-1]
    assert (recorded["action"], json.loads(recorded["details"])["sessions"]) == ("device_remove", 1)

    assert there.cookies[KNOWN] == known
    await sign_in(there, person.email)
    assert len(await mailbox.of(person.email)) == 2
    assert there.cookies[KNOWN].split(".")[1] != known.split(".")[1]
    login = (await events(person.id, "login"))[-1]
    assert "unknown_browser" in login["threat_indicators"]


async def test_a_device_of_somebody_else_is_not_removed(browse, person, database, superuser):
    thief = f"thief+{uuid4().hex}@demo.example"
    await create_person(database, thief, "A Thief", PASSWORD)
    owner, other = browse(), browse()
    await sign_in(owner, person.email)
    [device] = forms((await owner.get(HERE)).text)
    await sign_in(other, thief)
    page = await other.get(HERE)
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    for id in (device, "x", str(uuid4())):
        refused = await other.post(f"{HERE}/remove", data={"csrf_token": token, "id": id})
        assert refused.status_code == 404
    assert await email_of(owner) == person.email


async def test_devices_are_shown_after_a_fresh_proof(browse, person, superuser):
    browser = browse()
    await sign_in(browser, person.email)
    page = await browser.get(HERE)
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    await superuser.execute(
        "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1", person.id
    )
    assert (await browser.get(HERE)).headers["location"].startswith("/prove?next=")
    form = {"csrf_token": token, "id": forms(page.text)[0]}
    refused = await browser.post(f"{HERE}/remove", data=form)
    assert refused.headers["location"].startswith("/prove?next=")
    assert await email_of(browser) == person.email


async def test_two_people_of_one_browser_have_a_device_each_that_nobody_can_match(
    browse, person, database, superuser
):
    email = f"other+{uuid4().hex}@demo.example"
    other = await create_person(database, email, "Another", PASSWORD)
    browser = browse()
    await sign_in(browser, person.email)
    await send(browser, "/account", "/sign-out")
    await sign_in(browser, email)
    [mine], [theirs] = await superuser.fetch(ROWS, person.id), await superuser.fetch(ROWS, other)
    assert mine["token_hash"] != theirs["token_hash"]


async def test_the_cookie_of_one_person_knows_no_device_of_another(
    browse, person, database, mailbox, settings
):
    email = f"victim+{uuid4().hex}@demo.example"
    await create_person(database, email, "A Victim", PASSWORD)
    await sign_in(browse(), email)
    thief = browse()
    await sign_in(thief, person.email)
    await send(thief, "/account", "/sign-out")
    forged = known_browsers.after_sign_in(
        settings.model_copy(update={"gateway_secret": type(settings.gateway_secret)("x" * 40)}),
        "",
        email,
    )
    thief.cookies.set(KNOWN, forged, domain="gateway.example")
    await sign_in(thief, email)
    assert NEW in [mail.subject for mail in await mailbox.of(email)]


async def test_a_sign_in_with_a_passkey_from_a_new_browser_is_told(
    browse, person, mailbox, superuser, events
):
    browser = browse()
    await sign_in(browser, person.email)
    passkey, _ = await add(browser)
    await answer(browse(), passkey)
    assert NEW in [mail.subject for mail in await mailbox.of(person.email)]
    assert len(await superuser.fetch(ROWS, person.id)) == 2
    assert "unknown_browser" in (await events(person.id, "login"))[-1]["threat_indicators"]


async def test_a_member_has_a_notification_that_is_not_mailed_twice(
    browse, person, mailbox, superuser
):
    await organization_of(superuser, person.id, "Harbour")
    await sign_in(browse(), person.email)
    assert await superuser.fetch(NOTICES, person.id) == []
    second = browse()
    second.headers["user-agent"] = "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0"
    await sign_in(second, person.email)
    await mailbox.settle()
    [notice] = await superuser.fetch(NOTICES, person.id)
    assert notice["title"] == "Your account was used in a new browser: Chrome on Windows"
    assert (notice["kind"], notice["mailed_at"] is not None) == ("security", True)


async def test_a_network_of_a_removed_device_is_new_again(browse, person, events):
    home, away = browse(ip="203.0.113.7"), browse(ip="198.51.100.7")
    await sign_in(home, person.email)
    await sign_in(away, person.email)
    page = await home.get(HERE)
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    [other] = [card for card in page.text.split("<li>")[1:] if "this one" not in card]
    await home.post(f"{HERE}/remove", data={"csrf_token": token, "id": forms(other)[0]})
    await sign_in(away, person.email)
    assert "new_network" in (await events(person.id, "login"))[-1]["threat_indicators"]


async def test_old_devices_are_deleted(database, browse, person, superuser):
    for _ in range(2):
        await sign_in(browse(), person.email)
    await superuser.execute(
        "UPDATE devices SET last_seen_at = now() - interval '401 days' WHERE id = ("
        " SELECT id FROM devices WHERE user_id = $1 LIMIT 1)",
        person.id,
    )
    assert await prune(database, "upkeep.sign_ins") >= 1
    assert len(await superuser.fetch(ROWS, person.id)) == 1


async def test_a_person_has_a_limited_number_of_devices(browse, person, superuser, monkeypatch):
    monkeypatch.setattr(devices, "MAX_DEVICES", 2)
    for _ in range(4):
        await sign_in(browse(), person.email)
    assert len(await superuser.fetch(ROWS, person.id)) == 2
