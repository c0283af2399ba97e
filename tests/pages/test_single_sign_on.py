"""A sign-in and sign-out at a provider that others wrote, on a phone without script."""

from uuid import uuid4

import pytest
from playwright.async_api import expect

from tests.identity.oidc_provider import start
from tests.identity.provider import CLIENT, SECRET
from tests.identity.signing_on import connect, person_at
from tests.pages.conftest import Visitor

pytestmark = pytest.mark.processes
__all__ = ["connect", "start"]


async def test_somebody_signs_in_and_out_at_their_organization(
    visitor: Visitor, world, superuser, start, connect
):
    page, id, domain = visitor.page, uuid4(), f"{uuid4().hex}.example"
    person = person_at({"domain": domain})
    issuer = await start(
        client=CLIENT,
        secret=SECRET,
        redirect=f"{visitor.address}/sso/{id}/callback",
        signedOut=f"{visitor.address}/sso/{id}/signed-out",
        logout=f"{visitor.address}/sso/{id}/logout",
        people={"one": {name: person[name] for name in ("email", "email_verified", "name")}},
    )
    await connect(world, issuer, id=id)
    await superuser.execute(
        "INSERT INTO organization_domains"
        " (organization_id, domain, verification_token, verified_at, verification_required)"
        " VALUES ($1, $2, 'token', now(), false)",
        world.organization,
        domain,
    )
    await visitor.open("/sign-in?next=/account")
    await visitor.follow("Continue with your organization")
    await visitor.fill(**{"E-mail_address": person["email"]})
    await visitor.press("Continue")
    await visitor.show("way-to-provider")
    await visitor.follow("Continue with Directory")
    assert page.url.startswith(issuer)
    await page.locator("[name=login]").fill("one")
    await page.locator("[name=password]").fill("any")
    await page.locator("button[type=submit]").click()
    await page.locator("button[type=submit]").click()  # consent
    await expect(page).to_have_url(f"{visitor.address}/account")
    await expect(page.get_by_text(person["email"])).to_be_visible()
    await visitor.open("/account/identities")
    await expect(page.get_by_role("listitem")).to_contain_text("Directory")
    await visitor.show("identities")
    await visitor.open("/")
    await visitor.press("Sign out")
    await page.wait_for_url(f"{issuer}/session/end?**")
    await page.locator("button[value=yes]").click()
    await expect(page).to_have_url(f"{visitor.address}/")
    await expect(page.get_by_role("link", name="Sign in", exact=True)).to_be_visible()
    await visitor.open(f"/sso/{id}")
    await expect(page.locator("[name=login]")).to_be_visible()  # the provider asks again
