"""A person in a real browser, without script, from an application to sign-in, consent and back."""

import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.async_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route

from auth.credentials.people import create_person
from auth.oauth.registry import register
from tests.oauth.conftest import CHALLENGE, PASSWORD
from tests.serving import served

pytestmark = pytest.mark.processes


@pytest.fixture
async def application() -> AsyncIterator[str]:
    """Yield an application whose callback redirects to another host, as real ones do."""

    def callback(request):
        return RedirectResponse(f"http://localhost:{request.url.port}/done?{request.url.query}")

    def make(_):
        done = PlainTextResponse("Connected.")
        return Starlette(routes=[Route("/cb", callback), Route("/done", lambda _: done)])

    async with served(make) as url:
        yield url


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Page]:
    context = await browser.new_context(java_script_enabled=False)
    yield await context.new_page()
    await context.close()


async def test_a_person_connects_an_application_without_script(
    database, gateway, application, visit
):
    email = f"visitor+{gateway.rpartition(':')[2]}@demo.example"
    await create_person(database, email, "A Visitor", PASSWORD)
    planner = await register(database, "Planner", (f"{application}/cb",), public=True)
    asked = {
        "response_type": "code",
        "client_id": planner.client_id,
        "redirect_uri": f"{application}/cb",
        "scope": "requirements:read",
        "state": "a b",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    address = f"{gateway}/oauth/authorize?{urlencode(asked)}"
    await visit.goto(address)
    await visit.get_by_label("E-mail address").fill(email)
    await visit.get_by_label("Password", exact=True).fill(PASSWORD)
    await visit.get_by_role("button", name="Sign in").click()
    await expect(visit.get_by_role("heading")).to_have_text("Allow Planner?")
    await expect(visit.get_by_role("listitem")).to_have_text(re.compile("^See your documents"))
    await visit.get_by_role("button", name="Allow").click()
    await expect(visit.locator("body")).to_have_text("Connected.")
    said = parse_qs(urlsplit(visit.url).query)
    assert (said["state"], said["iss"]) == (["a b"], [gateway])
    assert said["code"][0].startswith("rqc_")
    await visit.goto(address)
    await visit.get_by_role("button", name="Cancel").click()
    await expect(visit.locator("body")).to_have_text("Connected.")
    assert parse_qs(urlsplit(visit.url).query)["error"] == ["access_denied"]
