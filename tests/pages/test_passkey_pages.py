"""Passkeys in Chromium, with the authenticator that it simulates."""

from uuid import uuid4

import pytest
from playwright.async_api import expect
from starlette.applications import Starlette

from auth.credentials.people import create_person
from graph.app import create_app
from tests.browsing import Complaints
from tests.pages.conftest import PHONE
from tests.pages.looking import Looking
from tests.serving import served

pytestmark = pytest.mark.processes

PASSWORD = "correct horse battery"
LONG_AGO = "UPDATE sessions SET proved_at = now() - interval '1 hour' WHERE user_id = $1"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
async def gateway(settings):
    """Yield the address of an application with a name, which passkeys need."""

    def make(url: str) -> Starlette:
        return create_app(settings.model_copy(update={"public_url": url}))

    async with served(make, name="localhost") as url:
        yield url


@pytest.fixture
async def looking(browser, gateway):
    """Yield a phone with an authenticator, whose pages must have no errors at the end."""
    context = await browser.new_context(viewport=PHONE, is_mobile=True)
    page, complaints = await context.new_page(), Complaints()
    page.on("console", lambda message: message.type == "error" and complaints.add(message.text))
    page.on("pageerror", lambda error: complaints.add(str(error)))
    complaints.expect("status of 40[013]")
    chromium = await context.new_cdp_session(page)
    await chromium.send("WebAuthn.enable")
    await chromium.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    yield Looking(page, gateway)
    await context.close()
    assert complaints.unexpected == []


async def test_a_passkey_is_added_and_signs_in_by_the_keyboard(looking, database, superuser):
    page, email = looking.page, f"someone+{uuid4().hex[:8]}@demo.example"
    title = page.get_by_role("heading", level=1)
    id = await create_person(database, email, "Ada Example", PASSWORD)
    await looking.at("/sign-in?next=/account/passkeys", "sign-in")
    await looking.send("Sign in", email=email, password=PASSWORD)
    await looking.here("passkeys-none")
    await page.get_by_label("Name").fill("My phone")
    await page.keyboard.press("Enter")
    await expect(title).to_have_text("Your recovery codes")
    await looking.at("/account/passkeys", "passkeys")
    await expect(page.get_by_text("My phone", exact=True)).to_be_visible()
    await looking.send("Add a passkey", name="Again")
    await expect(page.get_by_role("alert")).to_have_text(
        "This device has a passkey of your account already."
    )
    await looking.here("passkeys-refused")

    await page.goto(f"{looking.address}/account")
    await looking.send("Sign out")
    await page.goto(f"{looking.address}/sign-in?next=/account")  # which the browser answers
    await expect(title).to_have_text("Your account")
    await looking.send("Sign out")
    await page.add_init_script("delete PublicKeyCredential.isConditionalMediationAvailable")
    await page.goto(f"{looking.address}/sign-in?next=/account")
    await page.get_by_role("button", name="Sign in with a passkey").focus()
    await page.keyboard.press("Enter")
    await expect(title).to_have_text("Your account")

    await superuser.execute(LONG_AGO, id)
    await page.goto(f"{looking.address}/account/passkeys")
    await looking.here("prove")
    await looking.send("Confirm with a passkey")
    await expect(title).to_have_text("Passkeys")
    await page.goto(f"{looking.address}/account")
    await looking.send("Sign out")

    await page.goto(f"{looking.address}/sign-in?next=/account")
    await looking.send("Sign in", email=email, password=PASSWORD)
    await looking.here("second-step")
    await looking.send("Use a passkey instead")
    await expect(title).to_have_text("Your account")
    await page.goto(f"{looking.address}/account/passkeys")
    await looking.send("Remove My phone")
    await expect(page.get_by_role("status")).to_have_text("The passkey has been removed.")
    assert looking.faults == []
