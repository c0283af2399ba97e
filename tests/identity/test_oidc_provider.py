"""Single sign-on with a provider that others wrote: oidc-provider, over HTTP."""

import re
from html import unescape
from urllib.parse import urljoin
from uuid import uuid4

import httpx
import pytest

from graph.app import create_app
from tests.identity.oidc_provider import start
from tests.identity.provider import CLIENT, SECRET
from tests.identity.signing_on import connect, person_at
from tests.serving import served

__all__ = ["connect", "start"]

pytestmark = pytest.mark.processes


@pytest.fixture
async def site(settings):
    """Yield the address of the gateway, on a port of this machine."""

    def make(url):
        return create_app(settings.model_copy(update={"public_url": url}))

    async with served(make) as url:
        yield url


async def submit(browser, page, **fields):
    """Send the first form on a page of the provider."""
    action = unescape(re.search(r'action="([^"]+)"', page.text)[1])
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    return await browser.post(urljoin(str(page.url), action), data={**hidden, **fields})


@pytest.mark.parametrize("in_user_info", [False, True])
async def test_people_sign_in_and_out_at_a_provider_that_others_wrote(
    world, domains, site, start, connect, superuser, in_user_info
):
    domain = await domains.verified(world, verificationRequired=False, autoJoinRole="VIEWER")
    person, id = person_at(domain), uuid4()
    claims = {name: person[name] for name in ("email", "email_verified", "name")}
    issuer = await start(
        client=CLIENT,
        secret=SECRET,
        redirect=f"{site}/sso/{id}/callback",
        logout=f"{site}/sso/{id}/logout",
        people={"one": claims},
        inUserInfo=in_user_info,
    )
    await connect(world, issuer, id=id)
    async with httpx.AsyncClient(follow_redirects=True) as browser:
        page = await browser.get(f"{site}/sso/{id}", params={"next": "/session"})
        assert str(page.url).startswith(issuer), page.text
        page = await submit(browser, page, login="one", password="any")
        page = await submit(browser, page)  # consent
        assert page.json()["email"] == person["email"], page.text
        member = await superuser.fetchrow(
            "SELECT role::text, status::text FROM organization_members WHERE organization_id = $1"
            " AND user_id = (SELECT id FROM profiles WHERE email = $2)",
            world.organization,
            person["email"],
        )
        assert dict(member) == {"role": "viewer", "status": "active"}
        await superuser.execute(
            "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id ="
            " (SELECT id FROM profiles WHERE email = $1)",
            person["email"],
        )
        page = await browser.get(f"{site}/sso/{id}?prove=1&next=/account/sessions")
        page = await submit(browser, page, login="one", password="any")
        while "consent" in page.text and str(page.url).startswith(issuer):
            page = await submit(browser, page)
        assert str(page.url) == f"{site}/account/sessions", page.text
        page = await browser.get(f"{issuer}/session/end")
        await submit(browser, page, logout="yes")
        assert (await browser.get(f"{site}/session")).json() == {"signedIn": False}
