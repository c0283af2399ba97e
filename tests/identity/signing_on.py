"""Browsers and identity providers of organizations, for the tests of single sign-on."""

import re
from base64 import b32decode
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import httpx
import pytest

from auth.accounts import totp
from auth.accounts.sso.connections import sealed
from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from tests import networks
from tests.auth.conftest import hidden
from tests.identity.provider import CLIENT, SECRET, Provider
from tests.serving import served


def person_at(domain: dict[str, Any], word: str = "new", **claims: Any) -> dict[str, Any]:
    """Return the claims of a person with a verified address at a domain."""
    email = f"{word}+{uuid4().hex[:8]}@{domain['domain']}"
    return {
        "sub": f"subject of {email}",
        "email": email,
        "email_verified": True,
        "name": "New Person",
        **claims,
    }


@pytest.fixture
async def provide():
    """Yield a function that starts identity providers."""
    async with AsyncExitStack() as stack:

        async def provide() -> Provider:
            made: list[Provider] = []

            def make(url: str):
                made.append(Provider(url))
                return made[0].app()

            await stack.enter_async_context(served(make))
            return made[0]

        yield provide


@pytest.fixture
async def provider(provide) -> Provider:
    return await provide()


@pytest.fixture
def connect(superuser, settings):
    """Give an organization an identity provider that was tried; return its ID."""

    async def connect(
        world, provider: Provider | str, *, enforced=False, tested=True, id=None
    ) -> str:
        id = id or uuid4()
        await superuser.execute(
            "INSERT INTO identity_providers (id, organization_id, name, issuer, client_id,"
            " client_secret, is_enforced, tested_at)"
            " VALUES ($1, $2, 'Directory', $3, $4, $5, $6, CASE WHEN $7 THEN now() END)",
            id,
            world.organization,
            provider if isinstance(provider, str) else provider.issuer,
            CLIENT,
            sealed(settings, id, SECRET),
            enforced,
            tested,
        )
        return str(id)

    return connect


class Browser(httpx.AsyncClient):
    """A browser, which goes to providers only as far as tests let it."""

    async def to_provider(self, connection: str, next: str = "/", **query: str) -> str:
        """Begin at the gateway; return the URL of the provider that it redirects to."""
        answer = await self.get(f"/sso/{connection}", params={"next": next, **query})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def sign_on(
        self, connection: str, provider: Provider, person: dict[str, Any], next: str = "/"
    ) -> httpx.Response:
        """Sign in at a provider; return the answer to the way back."""
        url = await self.to_provider(connection, next)
        return await self.get(provider.answer(url, person))

    async def email(self) -> str | None:
        """Return the address of the person who is signed in."""
        return (await self.get("/session")).json().get("email")


@pytest.fixture
async def browse(app, database, settings, superuser):
    """Yield a function that makes browsers, in which the person with this address is signed in."""
    opened = []

    async def browse(email=None, site=None) -> Browser:
        transport = httpx.ASGITransport(site or app, client=(networks.address(), 50000))
        headers = {"origin": "http://localhost"}
        browser = Browser(transport=transport, base_url="http://localhost", headers=headers)
        opened.append(browser)
        if email:
            id = await superuser.fetchval("SELECT id FROM profiles WHERE email = $1", email)
            async with database.auth.lend(NOBODY) as lent:
                started = await start(lent, id, Origin(), settings)
            browser.cookies.set("gateway", started.secret, domain="localhost.local")
        return browser

    yield browse
    for browser in opened:
        await browser.aclose()


async def second_factor(browser) -> list[str]:
    """Turn a second factor on; return the recovery codes."""
    page = (await browser.get("/account/second-factor")).text
    letters = re.search(r"<code>([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")
    code = totp.code_at(b32decode(letters), totp.present_step())
    answer = await browser.post("/account/second-factor", data={**hidden(page), "code": code})
    return re.findall(r"<code>([a-z2-7-]+)</code>", answer.text)
