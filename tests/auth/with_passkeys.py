"""Passkeys of the people of these tests: added and used as the pages do."""

import pytest

from tests.auth.authenticator import Authenticator, options_of
from tests.auth.conftest import hidden, sign_in

HERE = "/account/passkeys"
NOT_ACCEPTED = "The passkey was not accepted"
LONG_AGO = "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1"
STORED = "SELECT * FROM passkeys WHERE user_id = $1 ORDER BY created_at"


@pytest.fixture(autouse=True)
async def clean_slate(superuser):
    await superuser.execute("DELETE FROM sign_in_attempts")


async def add(browser, name="My phone", passkey=None, **changed):
    """Register a passkey as the page does; return the authenticator and the answer."""
    passkey = passkey or Authenticator()
    page = (await browser.get(HERE)).text
    credential = passkey.create(options_of(page, "create"), **changed)
    form = {**hidden(page), "credential": credential, "name": name}
    return passkey, await browser.post(HERE, data=form)


async def answer(browser, passkey, path="/sign-in", to="/sign-in/passkey", **changed):
    """Send the answer of a passkey to the options on the page at this path."""
    page = (await browser.get(path)).text
    return await reply(browser, page, passkey, to, **changed)


async def reply(browser, page, passkey, to, **changed):
    """Send the answer of a passkey to the options on a page."""
    form = {**hidden(page), "credential": passkey.get(options_of(page, "get"), **changed)}
    return await browser.post(to, data=form)


async def email_of(browser):
    return (await browser.get("/me")).json()["email"]


@pytest.fixture
async def passkey(browse, person):
    """Return a passkey of the person."""
    browser = browse()
    await sign_in(browser, person.email)
    passkey, added = await add(browser)
    assert added.status_code == 200
    return passkey
