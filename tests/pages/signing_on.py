"""The pages of single sign-on, as a phone visits them."""

from typing import Any
from uuid import UUID, uuid4

from asyncpg import Connection
from playwright.async_api import expect

from tests.identity.provider import CLIENT, SECRET, Provider
from tests.pages.looking import Looking
from tests.tenants import organization_of

SUBJECT = "the person of the walk"


async def walk_single_sign_on(
    looking: Looking, superuser: Connection, me: UUID, long: str, provider: Provider
) -> str:
    """Visit the pages of owners, and that of one's identities; return the verified domain."""
    page = looking.page
    provider.metadata = {"end_session_endpoint": f"{provider.issuer}/end"}
    organization = await organization_of(superuser, me, long)
    await looking.at(f"/single-sign-on?organization={organization}", "single-sign-on-none")
    await looking.send("Add domain", domain="gmail.com")
    await looking.here("single-sign-on-refused")
    domain = f"{'d' * 60}.{uuid4().hex}.example"
    await looking.send("Add domain", domain=domain)
    await page.get_by_text(f"Remove {domain}", exact=True).first.click()
    await looking.here("single-sign-on-domain")
    await superuser.execute(
        "UPDATE organization_domains SET verified_at = now() WHERE organization_id = $1",
        organization,
    )
    name = long[:90].strip()
    await looking.send(
        "Set up", name=name, issuer=provider.issuer, clientId=CLIENT, clientSecret=SECRET
    )
    for summary in (f"Change {name}", f"Remove {name}"):
        await page.get_by_text(summary, exact=True).first.click()
    await looking.here("single-sign-on-provider")
    await looking.send(f"Try {name}")
    await looking.here("provider-to-try")
    await page.get_by_role("link", name=f"Continue with {name}").click()
    await come_back(looking, provider, {"sub": SUBJECT})
    await looking.here("single-sign-on-tried")
    await looking.at("/account/identities", "identities")
    await page.get_by_role("button", name=f"Remove {name}").click()
    await looking.here("identities-to-connect")
    return domain


async def walk_sign_in_elsewhere(
    looking: Looking, superuser: Connection, me: UUID, domain: str, provider: Provider
) -> None:
    """Sign in at the provider by the keyboard alone, up to the code of the account."""
    page, email = looking.page, f"ada@{domain}"
    await superuser.execute("UPDATE profiles SET email = $2 WHERE id = $1", me, email)
    await looking.at("/sign-in/organization", "sign-in-organization")
    field = page.get_by_label("E-mail address", exact=True)
    await expect(field).to_be_focused()
    await page.keyboard.type("somebody@nowhere.example")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_be_visible()
    await looking.here("sign-in-organization-refused")
    await field.fill(email)
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Continue", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    link = page.get_by_role("link", name="Continue with")
    await expect(link).to_be_visible()
    await looking.here("way-to-provider")
    await page.keyboard.press("Tab")  # the product's name
    await page.keyboard.press("Tab")
    await expect(link).to_be_focused()
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{provider.issuer}/authorize?**")
    person = {"sub": SUBJECT, "email": email, "email_verified": True}
    await come_back(looking, provider, person)
    await looking.here("code-of-the-account")
    await looking.send("Connect and sign in", code="000000")
    await looking.here("code-of-the-account-refused")
    await superuser.execute("DELETE FROM second_factors WHERE user_id = $1", me)
    await page.goto(f"{looking.address}/sign-in/organization")
    await looking.send("Continue", email=email)
    await link.click()
    await come_back(looking, provider, person)
    await page.route(f"{provider.issuer}/end?**", lambda route: route.fulfill(status=204))
    await looking.send("Sign out")  # the answer without content leaves the page where it is
    await looking.here("signed-out-elsewhere")


async def come_back(looking: Looking, provider: Provider, person: dict[str, Any]) -> None:
    """Sign this person in at the provider that the phone shows, and follow the way back."""
    await looking.page.goto(looking.address + provider.answer(looking.page.url, person))
