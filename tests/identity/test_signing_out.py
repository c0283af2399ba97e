"""The sign-out at the provider of a session that began there (RP-Initiated Logout)."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from auth.credentials.people import create_person
from tests.auth.conftest import PASSWORD, send, sign_in
from tests.identity.signing_on import browse, connect, person_at, provide, provider

__all__ = ["browse", "connect", "provide", "provider"]


@pytest.fixture
async def domain(world, domains):
    return await domains.verified(world, verificationRequired=False)


@pytest.fixture
async def connection(world, provider, connect, domain):
    provider.metadata = {"end_session_endpoint": f"{provider.issuer}/end?tenant=1"}
    return await connect(world, provider)


async def sign_out(browser, next="/"):
    """Sign out; return the URL of the provider that the browser is led to, or None."""
    answer = await send(browser, "/account", "/sign-out", next=next)
    assert await browser.email() is None
    led = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', answer.text)
    if led is None:
        assert answer.headers["location"] == next
    return unescape(led[1]) if led else None


async def test_a_sign_out_goes_on_to_the_provider_and_comes_back(
    browse, provider, connection, domain, settings
):
    browser = await browse()
    await browser.sign_on(connection, provider, person_at(domain))
    url = await sign_out(browser, "/explorer")
    assert url.startswith(f"{provider.issuer}/end?")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    state = asked.pop("state")
    back = f"{settings.url}/sso/{connection}/signed-out"
    assert asked == {
        "tenant": "1",
        "client_id": "gateway",
        "post_logout_redirect_uri": back,
    }
    path = urlsplit(back).path
    answer = await browser.get(path, params={"state": state})
    assert answer.headers["location"] == "/explorer"
    again = await browser.get(path, params={"state": state})
    assert again.headers["location"] == "/"  # an answer is good once


async def test_an_answer_that_nobody_asked_for_leads_to_the_first_page(
    browse, provider, connection, domain
):
    browser = await browse()
    await browser.sign_on(connection, provider, person_at(domain))
    path = f"/sso/{connection}/signed-out"
    assert (await browser.get(path)).headers["location"] == "/"
    assert await browser.email() is not None  # and signs nobody out
    await sign_out(browser, "/explorer")
    forged = await browser.get(path, params={"state": "forged"})
    assert forged.headers["location"] == "/"
    url = await browser.to_provider(connection, "/account")
    state = parse_qs(urlsplit(url).query)["state"][0]
    other = await browser.get(path, params={"state": state})
    assert other.headers["location"] == "/"  # that attempt was to sign in


async def test_a_state_of_a_sign_out_signs_nobody_in(browse, provider, connection, domain):
    browser, person = await browse(), person_at(domain)
    await browser.sign_on(connection, provider, person)
    began = await browser.to_provider(connection)
    asked = parse_qs(urlsplit(await sign_out(browser)).query)
    answer = await browser.get(provider.answer(began, person, state=asked["state"][0]))
    assert answer.status_code == 401
    assert await browser.email() is None


async def test_a_session_that_began_with_a_password_ends_here(
    browse, provider, connection, domain, database
):
    person = person_at(domain)
    await create_person(database, person["email"], "Somebody", PASSWORD)
    browser = await browse()
    await browser.sign_on(connection, provider, person)
    other = await browse()
    await sign_in(other, person["email"])
    assert await sign_out(other) is None


@pytest.mark.parametrize(
    "metadata",
    [{}, {"end_session_endpoint": "javascript:alert(1)"}, {"issuer": "https://another.example"}],
)
async def test_a_sign_out_does_not_depend_on_the_provider(
    browse, provider, connection, domain, metadata
):
    browser = await browse()
    provider.metadata = {}
    await browser.sign_on(connection, provider, person_at(domain))
    provider.metadata = metadata
    assert await sign_out(browser) is None
