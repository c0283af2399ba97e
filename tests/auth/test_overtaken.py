"""Writes made with the old password while another one is set are undone."""

import asyncio

import pytest
from argon2 import PasswordHasher

from tests.auth.conftest import ANOTHER, PASSWORD, form_of, hidden, send, sign_in
from tests.locks import held

EVIL = "the choice of somebody else"
WEAK = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


@pytest.fixture
async def weak(superuser, person):
    """Store a weak hash of the person's password, which signing in replaces."""
    change = "UPDATE profile_credentials SET password_hash = $1 WHERE user_id = $2"
    await superuser.execute(change, WEAK, person.id)


async def signing_in(browser, person):
    """Return the filled form for signing in, to be sent later."""
    form = await form_of(browser)
    return {**form, "email": person.email, "password": PASSWORD}


async def test_a_sign_in_is_refused_once_another_password_is_chosen(
    browse, browser, person, overtaken, events
):
    form = await signing_in(browser, person)
    answer = await overtaken(browser.post("/sign-in", data=form))
    assert answer.status_code == 401
    assert "is wrong" in answer.text
    assert not (await browser.get("/session")).json()["signedIn"]
    [failure] = await events(person.id, "login_failed")
    assert "wrong password" in failure["details"]
    assert (await sign_in(browse(), person.email, ANOTHER)).status_code == 303


async def test_a_hash_that_is_replaced_does_not_bring_the_old_password_back(
    browse, browser, person, weak, overtaken
):
    form = await signing_in(browser, person)
    assert (await overtaken(browser.post("/sign-in", data=form))).status_code == 401
    assert (await sign_in(browse(), person.email)).status_code == 401
    assert (await sign_in(browse(), person.email, ANOTHER)).status_code == 303


@pytest.mark.slow
async def test_a_password_changed_with_the_old_one_does_not_replace_the_new_one(
    browse, browser, person, overtaken
):
    await sign_in(browser, person.email)
    form = hidden((await browser.get("/account/password")).text)
    form |= {"current_password": PASSWORD, "password": EVIL}
    answer = await overtaken(browser.post("/account/password", data=form))
    assert answer.headers["location"] == "/sign-in?next=%2Faccount%2Fpassword"
    assert (await sign_in(browse(), person.email, EVIL)).status_code == 401
    assert (await sign_in(browse(), person.email, ANOTHER)).status_code == 303


async def test_of_two_browsers_that_change_the_password_at_once_one_does(browse, person, superuser):
    browsers = [browse(), browse()]
    for browser in browsers:
        await sign_in(browser, person.email)
    async with held(superuser, "profile_credentials WHERE user_id = $1", person.id) as waiting:
        page, fields = "/account/password", {"current_password": PASSWORD}
        sent = [
            asyncio.create_task(send(browser, page, **fields, password=f"{ANOTHER} {n}"))
            for n, browser in enumerate(browsers)
        ]
        await waiting(2)
    places = [(await answer).headers["location"] for answer in sent]
    done = "/account?news=password"
    assert sorted(places) == [done, "/sign-in?next=%2Faccount%2Fpassword"]
    chosen = f"{ANOTHER} {places.index(done)}"
    assert (await sign_in(browse(), person.email, chosen)).status_code == 303


async def test_of_two_tabs_that_change_the_password_at_once_one_does(
    browse, browser, person, superuser
):
    await sign_in(browser, person.email)
    async with held(superuser, "profile_credentials WHERE user_id = $1", person.id) as waiting:
        page, fields = "/account/password", {"current_password": PASSWORD}
        sent = [
            asyncio.create_task(send(browser, page, **fields, password=f"{ANOTHER} {n}"))
            for n in range(2)
        ]
        await waiting(2)
    statuses = [(await answer).status_code for answer in sent]
    assert sorted(statuses) == [303, 400]
    chosen = f"{ANOTHER} {statuses.index(303)}"
    assert (await sign_in(browse(), person.email, chosen)).status_code == 303


async def test_two_sign_ins_at_once_that_replace_the_same_hash_both_succeed(
    browse, person, superuser, weak
):
    browsers = [browse(), browse()]
    async with held(superuser, "profile_credentials WHERE user_id = $1", person.id) as waiting:
        sent = [asyncio.create_task(sign_in(browser, person.email)) for browser in browsers]
        await waiting(2)
    assert [(await answer).status_code for answer in sent] == [303, 303]
    for browser in browsers:
        assert (await browser.get("/session")).json()["signedIn"]
