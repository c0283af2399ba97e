"""An owner creates an API key and a token on a phone, and revokes the lost ones."""

from uuid import uuid4

import pytest
from playwright.async_api import expect

from auth.credentials.people import create_person
from tests.pages.conftest import Visitor
from tests.tenants import organization_of

pytestmark = pytest.mark.processes

PASSWORD = "correct horse battery"


async def test_an_owner_makes_and_revokes_keys(visitor: Visitor, database, superuser):
    page, email = visitor.page, f"owner+{uuid4().hex[:8]}@demo.example"
    person = await create_person(database, email, "Ada Example", PASSWORD)
    await organization_of(superuser, person)
    await visitor.open("/sign-in?next=/account")
    await visitor.fill(**{"E-mail_address": email, "Password": PASSWORD})
    await visitor.press("Sign in")
    await visitor.follow("API keys")
    await visitor.follow("Create an API key for Harbour")
    await visitor.fill(Name="Nightly import")
    await page.get_by_label("Acts as").select_option("editor")
    await visitor.press("Create the key")
    await expect(page.get_by_role("alert")).to_contain_text("at least one permission")
    await visitor.show("key-refused")
    await page.get_by_label("See, create, change and delete its documents", exact=False).check()
    await visitor.press("Create the key")
    await expect(page.get_by_text("It will not be shown again")).to_be_visible()
    await expect(page.get_by_text("rqk_live_")).to_be_visible()
    await visitor.show("key")
    await visitor.follow("I have stored it")
    await expect(page.get_by_text("acts as Nightly import")).to_be_visible()
    await visitor.show("keys")
    await page.get_by_text("Revoke", exact=True).click()
    await visitor.press("Revoke Nightly import")
    await expect(page.get_by_role("status")).to_contain_text("It is revoked")
    await expect(page.get_by_text("revoked", exact=True)).to_be_visible()

    await visitor.follow("Back to your account")
    await visitor.follow("Personal tokens")
    await visitor.follow("Create a token")
    await visitor.fill(Name="Report")
    await page.get_by_label("See your documents", exact=False).check()
    await page.get_by_label("Valid for").select_option("A week")
    await visitor.press("Create the token")
    await expect(page.get_by_text("rqp_live_")).to_be_visible()
    await visitor.follow("I have stored it")
    await expect(page.get_by_text("not used yet")).to_be_visible()
    await visitor.show("tokens")
