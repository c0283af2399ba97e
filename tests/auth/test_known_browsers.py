"""Knowing an address does not lock its owner out, and the owner is notified of attempts."""

import re

import pytest

from auth.credentials import known_browsers
from tests.auth.conftest import ANOTHER, PASSWORD, hidden, send, sign_in

WRONG = "not the password"
KNOWN = "__Host-gateway-known"
HOME = "203.0.113.7"


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


@pytest.fixture
def attack(browse, superuser):
    """Fail to sign in from many networks until every unknown browser has to wait."""

    async def attack(email):
        for network in range(5):
            await sign_in(browse(ip=f"10.1.{network}.1"), email, WRONG)
        await superuser.execute("UPDATE sign_in_attempts SET level = 1000 WHERE level > 4")
        refused = await sign_in(browse(ip="10.2.1.1"), email)
        assert refused.status_code == 429

    return attack


@pytest.mark.slow
async def test_a_browser_that_signed_in_before_is_not_kept_out(browse, person, attack):
    browser = browse()
    await sign_in(browser, person.email)
    await send(browser, "/account", "/sign-out")
    await attack(person.email)
    assert (await sign_in(browser, person.email)).status_code == 303


async def test_a_network_that_somebody_signed_in_from_is_not_kept_out(browse, person, attack):
    await sign_in(browse(ip=HOME), person.email)
    await attack(person.email)
    assert (await sign_in(browse(ip="203.0.113.99"), person.email)).status_code == 303


async def test_whoever_is_signed_in_can_prove_that_it_is_them(browse, person, attack, superuser):
    browser = browse()
    await sign_in(browser, person.email)
    await attack(person.email)
    await superuser.execute("UPDATE sessions SET proved_at = now() - interval '1 hour'")
    answer = await send(browser, "/prove", current_password=PASSWORD)
    assert answer.status_code == 303


async def test_the_owner_is_told_once_a_day_with_a_link_that_lets_them_in(
    browse, person, attack, mailbox, superuser
):
    await attack(person.email)
    await attack(person.email)
    [mail] = await mailbox.of(person.email)
    assert mail.subject == "Somebody is trying to sign in to your account"
    path = re.search(r"/sign-in\?known=\S+", mail.text)[0]
    owner = browse()
    assert (await sign_in(owner, person.email)).status_code == 429
    form = await owner.get(path, follow_redirects=True)
    assert f'value="{person.email}"' in form.text
    assert (await sign_in(owner, person.email)).status_code == 303
    await superuser.execute("UPDATE sign_in_attempts SET counted_at = now() - interval '25 hours'")
    await attack(person.email)
    assert len([m for m in await mailbox.of(person.email) if m.subject == mail.subject]) == 2


async def test_nobody_is_told_of_attempts_at_an_address_without_an_account(attack, person, mailbox):
    await attack(f"x{person.email}")
    assert await mailbox.of(f"x{person.email}") == []


async def test_guessing_in_a_known_browser_waits_as_well(browse, person):
    browser = browse()
    await sign_in(browser, person.email)
    await send(browser, "/account", "/sign-out")
    statuses = [(await sign_in(browser, person.email, WRONG)).status_code for _ in range(5)]
    assert statuses == [401] * 3 + [429] * 2
    assert (await sign_in(browse(), person.email)).status_code == 303


async def test_a_browser_is_known_at_its_own_addresses_alone(browse, person, attack, settings):
    await attack(person.email)
    for forged in (
        known_browsers.after_sign_in(settings, "", f"x{person.email}"),
        known_browsers.after_sign_in(settings, "", person.email)[:-1] + "g",
        known_browsers.link(settings, person.email).partition("=")[2],
        "a.b.1.c",
        "~~~",
    ):
        browser = browse()
        browser.cookies.set(KNOWN, forged, domain="gateway.example")
        assert (await sign_in(browser, person.email)).status_code == 429
    assert (await browse().get("/sign-in?known=a.b.1.c")).status_code == 404


@pytest.mark.slow
async def test_whoever_reads_their_mail_gets_in_with_another_password(
    browse, person, attack, mailbox
):
    await attack(person.email)
    browser = browse()
    await send(browser, "/forgotten-password", email=person.email)
    link = await mailbox.link(person.email)
    form = hidden((await browser.get(link)).text)
    await browser.post("/forgotten-password/choose", data={**form, "password": ANOTHER})
    await attack(person.email)
    assert (await sign_in(browser, person.email, ANOTHER)).status_code == 303


async def test_a_sign_in_in_a_new_browser_is_mailed_and_in_a_known_one_is_not(
    browse, person, mailbox
):
    browser = browse()
    for _ in range(2):
        await sign_in(browser, person.email)
        await send(browser, "/account", "/sign-out")
    assert await mailbox.of(person.email) == []
    await sign_in(browse(ip=HOME), person.email)
    [mail] = await mailbox.of(person.email)
    assert mail.subject == "A sign-in from a new browser"
    assert HOME in mail.text


def test_a_browser_knows_the_last_few_people(settings, person):
    cookie = known_browsers.after_sign_in(settings, "", person.email)
    for n in range(known_browsers.MAX_PEOPLE):
        assert known_browsers.name_for(settings, cookie, person.email)
        cookie = known_browsers.after_sign_in(settings, cookie, f"{n}{person.email}")
    assert known_browsers.latest_address(settings, cookie) == f"{n}{person.email}"
    assert known_browsers.name_for(settings, cookie, person.email) is None


async def test_after_signing_up_the_address_stands_in_the_form(browse, mailbox):
    email, browser = "new.person@demo.example", browse()
    await send(browser, "/sign-up", email=email)
    link = await mailbox.link(email)
    answer = await send(browser, link, full_name="New", password=PASSWORD)
    form = await browser.get(answer.headers["location"])
    assert f'value="{email}"' in form.text
    assert email not in (await browser.get("/sign-in")).text


async def indicators(superuser, person):
    """Return the threat indicators of the last sign-in of a person."""
    return await superuser.fetchval(
        "SELECT threat_indicators FROM audit_logs WHERE user_id = $1 AND event_type = 'login'"
        " ORDER BY created_at DESC, id DESC LIMIT 1",
        person.id,
    )


@pytest.mark.parametrize(
    ("first", "near", "far"),
    [
        ("198.51.100.7", "198.51.100.200", "198.51.101.7"),
        ("2001:db8:7:1::1", "2001:db8:7:ffff::9", "2001:db8:8:1::1"),
    ],
)
async def test_a_sign_in_from_a_network_not_used_lately_is_an_indicator(
    browse, person, superuser, first, near, far
):
    """The first one is not, and the network is new again a month after its last use."""
    browser = browse(ip=first)
    await sign_in(browser, person.email)
    assert await indicators(superuser, person) == []
    cookies = browser.cookies

    async def from_(address):
        elsewhere = browse(ip=address)
        elsewhere.cookies = cookies
        await send(elsewhere, "/account", "/sign-out")
        assert (await sign_in(elsewhere, person.email)).status_code == 303
        return await indicators(superuser, person)

    assert await from_(near) == []
    assert await from_(far) == ["new_network"]
    assert await from_(far) == []
    await superuser.execute(
        "UPDATE sessions SET last_used_at = now() - interval '31 days' WHERE user_id = $1",
        person.id,
    )
    await sign_in(browse(ip=far), person.email)
    assert await indicators(superuser, person) == ["unknown_browser", "new_network"]
