"""An owner registers an application on a phone, sees its secret once, and switches it off."""

from uuid import uuid4

import pytest
from playwright.async_api import expect

from auth.credentials.people import create_person
from tests.pages.conftest import Visitor
from tests.tenants import organization_of

pytestmark = pytest.mark.processes

PASSWORD = "correct horse battery"


async def test_an_owner_registers_an_application(visitor: Visitor, database, superuser):
    page, email = visitor.page, f"owner+{uuid4().hex[:8]}@demo.example"
    person = await create_person(database, email, "Ada Example", PASSWORD)
    await organization_of(superuser, person)
    await visitor.open("/sign-in?next=/account")
    await visitor.fill(**{"E-mail_address": email, "Password": PASSWORD})
    await visitor.press("Sign in")
    await visitor.follow("Registered applications")
    await visitor.follow("Register an application for Harbour")
    await visitor.fill(Name="Planner", Redirect_URIs="http://planner.example/cb")
    await page.get_by_label("See your documents, requirements", exact=False).check()
    await page.get_by_label("Where it runs").select_option("editor")
    await visitor.press("Register")
    await expect(page.get_by_role("alert")).to_contain_text("not a valid redirect URI")
    await visitor.show("client-refused")
    await visitor.fill(Redirect_URIs="https://planner.example/cb\nhttp://127.0.0.1/cb")
    await visitor.press("Register")
    await expect(page.get_by_text("It will not be shown again")).to_be_visible()
    await visitor.show("client-secret")
    await visitor.follow("I have stored it")
    await visitor.show("clients")
    await visitor.follow("Planner")
    await visitor.show("client")
    await visitor.press("Disable")
    await expect(page.get_by_role("status")).to_contain_text("its tokens do not work")
    await expect(page.get_by_text("disabled", exact=True)).to_be_visible()
