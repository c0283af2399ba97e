"""Failed sign-ins slow down the next ones. The tests allow three from one network."""

import asyncio
import time
from contextlib import contextmanager
from datetime import timedelta
from math import ceil

import pytest

from auth.credentials import passwords, throttle
from auth.credentials.throttle import network_of
from db.retention import prune
from tests.auth.conftest import PASSWORD, form_of, sign_in

WRONG = "not the password"


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


@pytest.fixture
def patient(monkeypatch):
    """Set the first wait to a minute, which is longer than the test on any machine."""
    monkeypatch.setattr(throttle, "INITIAL_DELAY", 60.0)


@pytest.fixture
def later(superuser):
    """Return a function that lets time go by."""

    async def later(seconds):
        await superuser.execute(
            "UPDATE sign_in_attempts SET counted_at = counted_at - $1::interval",
            timedelta(seconds=seconds),
        )

    return later


async def fail(browser, email, times=1):
    """Fail to sign in; the status of each answer, and the seconds the last one asks to wait."""
    answers = [await sign_in(browser, email, WRONG) for _ in range(times)]
    wait = int(answers[-1].headers.get("retry-after", 0))
    return [answer.status_code for answer in answers], wait


async def test_the_wait_doubles_with_every_failure(browser, person, later):
    assert await fail(browser, person.email, 3) == ([401] * 3, 0)
    for wait in (1, 3, 7, 15):
        assert await fail(browser, person.email) == ([429], wait)
        await later(wait)
        assert await fail(browser, person.email) == ([401], 0)


async def test_while_they_wait_even_the_right_password_is_refused(browser, person):
    await fail(browser, person.email, 4)
    answer = await sign_in(browser, person.email)
    assert answer.status_code == 429
    assert "Try again in 1 second." in answer.text
    assert answer.headers["retry-after"] == "1"


async def test_refused_attempts_do_not_make_the_wait_longer(browser, person, later):
    await fail(browser, person.email, 3)
    assert await fail(browser, person.email, 10) == ([429] * 10, 1)
    await later(1)
    assert (await sign_in(browser, person.email)).status_code == 303


async def test_no_wait_is_longer_than_the_window(browser, superuser, person):
    await fail(browser, person.email)
    await superuser.execute("UPDATE sign_in_attempts SET level = 1000")
    _, wait = await fail(browser, person.email)
    assert 60 <= wait <= 900


async def test_success_clears_what_the_person_has_failed(browser, person):
    await fail(browser, person.email, 2)
    assert (await sign_in(browser, person.email)).status_code == 303
    browser.cookies.clear()
    assert await fail(browser, person.email, 3) == ([401] * 3, 0)


async def test_failures_are_forgotten_with_time(browser, person, later):
    await fail(browser, person.email, 3)
    await later(900)
    assert await fail(browser, person.email, 3) == ([401] * 3, 0)


@pytest.mark.usefixtures("patient")
async def test_unknown_addresses_wait_just_as_known_ones(browse, person):
    known, unknown = browse(), browse()
    waits = []
    for _ in range(6):
        began = time.monotonic()
        one = await sign_in(known, person.email, WRONG)
        other = await sign_in(unknown, f"x{person.email}", WRONG)
        assert one.status_code == other.status_code
        assert ("retry-after" in one.headers) == ("retry-after" in other.headers)
        waits = [int(answer.headers.get("retry-after", 0)) for answer in (one, other)]
        # They differ by no more than the time that went by between the two.
        assert abs(waits[0] - waits[1]) <= ceil(time.monotonic() - began)
    assert one.status_code == 429
    assert min(waits) > 0


async def test_one_network_cannot_keep_others_from_an_account(browse, person):
    attacker = browse(ip="203.0.113.7")
    assert (await fail(attacker, person.email, 5))[0][-1] == 429
    assert (await sign_in(browse(ip="198.51.100.7"), person.email)).status_code == 303


async def test_another_address_of_the_same_network_waits_too(browse, person):
    await fail(browse(ip="203.0.113.7"), person.email, 4)
    assert await fail(browse(ip="203.0.113.99"), person.email) == ([429], 1)
    await fail(browse(ip="2001:db8::1"), person.email, 4)
    assert await fail(browse(ip="2001:db8::ffff"), person.email) == ([429], 1)


@pytest.mark.slow
async def test_guessing_from_many_networks_waits_a_little(browse, person):
    statuses = [
        (await fail(browse(ip=f"10.1.{network}.1"), person.email))[0][0] for network in range(11)
    ]
    assert statuses == [401] * 9 + [429] * 2
    _, wait = await fail(browse(ip="10.2.1.1"), person.email)
    assert wait <= 60


@pytest.mark.slow
async def test_guessing_many_accounts_from_one_network_waits(browse, person):
    browser = browse(ip="203.0.113.7")
    statuses = [(await fail(browser, f"{n}{person.email}"))[0][0] for n in range(31)]
    assert statuses == [401] * 30 + [429]


@pytest.mark.slow
async def test_signing_in_oneself_does_not_clear_the_network(browse, database, person, superuser):
    browser = browse(ip="203.0.113.7")
    for n in range(29):
        await fail(browser, f"{n}{person.email}")
    assert (await sign_in(browser, person.email)).status_code == 303
    browser.cookies.clear()
    assert await fail(browser, f"a{person.email}") == ([401], 0)
    assert await fail(browser, f"b{person.email}") == ([429], 1)


@pytest.mark.usefixtures("patient")
async def test_attempts_at_the_same_moment_are_not_let_through_together(browse, person):
    browser = browse()
    form = {**await form_of(browser), "email": person.email, "password": WRONG}
    answers = await asyncio.gather(*(browser.post("/sign-in", data=form) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [401] * 3 + [429] * 9


@contextmanager
def crowd():
    """Fill every place for password checks with other sign-ins that wait."""
    places = passwords.WORKERS + passwords.WAITING
    for _ in range(places):
        assert passwords._places.acquire(blocking=False)
    try:
        yield
    finally:
        passwords._places.release(places)


async def test_an_attempt_that_found_the_gateway_busy_does_not_count(browser, superuser, person):
    form = {**await form_of(browser), "email": person.email, "password": PASSWORD}
    with crowd():
        assert (await browser.post("/sign-in", data=form)).status_code == 503
    assert await superuser.fetchval("SELECT max(level) FROM sign_in_attempts") == 0
    assert (await browser.post("/sign-in", data=form)).status_code == 303


async def test_the_table_tells_no_address_and_forgets(browser, superuser, person, database, later):
    await fail(browser, person.email, 2)
    rows = await superuser.fetch("SELECT * FROM sign_in_attempts")
    assert len(rows) == 3
    assert person.email not in str(rows)
    await later(3 * 24 * 3600)
    await prune(database, "upkeep.sign_ins")
    left = await superuser.fetchval(
        "SELECT count(*) FROM sign_in_attempts WHERE counted_at < now() - interval '1 day'"
    )
    assert left == 0


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        (None, "unknown"),
    ],
)
def test_a_network_is_a_household_or_an_office(ip, network):
    assert network_of(ip) == network
