"""Applications and people together: from an application to sign-up, consent, and the API."""

import json
import re
from uuid import uuid4

import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from playwright.async_api import Page, expect

from auth.credentials.people import create_person
from auth.oauth.registry import register
from tests.mails import captured
from tests.pages.conftest import APPROVER, Visitor, visiting

pytestmark = pytest.mark.processes

PASSWORD, VERIFIER = "correct horse battery", "v" * 64
READING = "organizations:read requirements:read"
WHO = {"query": "{ viewer { scopes profile { email fullName } } }"}


@pytest.fixture
def email() -> str:
    return f"someone+{uuid4().hex[:8]}@demo.example"


@pytest.fixture
async def client(database, callback):
    """Yield a function that makes an application's client of the gateway at this address."""
    made = []

    async def client(gateway: str, name: str = "Planner", scope: str = READING):
        planner = await register(database, name, (callback,))
        made.append(
            AsyncOAuth2Client(
                client_id=planner.client_id,
                client_secret=planner.secret,
                token_endpoint=f"{gateway}/oauth/token",
                redirect_uri=callback,
                scope=scope,
                code_challenge_method="S256",
                base_url=gateway,
            )
        )
        return made[-1]

    yield client
    for each in made:
        await each.aclose()


def address_of(client: AsyncOAuth2Client) -> tuple[str, str]:
    """Return the address of the authorization request, and its state."""
    gateway = str(client.base_url).rstrip("/")
    return client.create_authorization_url(f"{gateway}/oauth/authorize", code_verifier=VERIFIER)


async def who(client: AsyncOAuth2Client, page: Page, state: str) -> dict:
    """Return the API's user of the token that the application gets for the answer in this tab."""
    client.state = state
    await client.fetch_token(authorization_response=page.url, code_verifier=VERIFIER)
    answer = await client.post("/graphql", json=WHO)
    return answer.json()["data"]["viewer"]


async def test_somebody_new_is_approved_and_connects_an_application(
    browser, approving, client, database, email, superuser
):
    await superuser.execute(
        "UPDATE profiles SET email = $1 WHERE email = $2", f"x{email}", APPROVER
    )
    await create_person(database, APPROVER, "An Approver", PASSWORD)
    planner = await client(approving)
    address, state = address_of(planner)
    with captured() as mails:
        async with visiting(browser, approving) as newcomer:
            page, title = newcomer.page, newcomer.page.get_by_role("heading", level=1)
            await page.goto(address)
            await newcomer.follow("Sign up")
            await newcomer.fill(**{"E-mail_address": email})
            await newcomer.press("Send the link")
            await newcomer.open(await mails.link(email))
            await newcomer.fill(Your_name="Ada Example", Password=PASSWORD)
            await newcomer.press("Create the account")
            await expect(title).to_have_text("Your account is waiting for approval")

            async with visiting(browser, approving) as approver:
                [(_, text)] = await mails.arrived(APPROVER)
                await approver.page.goto(text.split()[-1])
                await approver.sign_in(APPROVER, PASSWORD)
                await approver.press(f"Approve {email}")
                await expect(approver.page.get_by_role("status")).to_contain_text("Approved.")

            await page.goto(address)
            await newcomer.sign_in(email, PASSWORD)
            await expect(title).to_have_text("Allow Planner?")
            await newcomer.press("Allow")
            await expect(page.locator("body")).to_have_text("Connected.")
        subjects = [subject for subject, _ in await mails.arrived(email, 3)]
    assert subjects == [
        "Confirm your e-mail address",
        "Your account has been approved",
        "Planner can now act for you",
    ]
    assert await who(planner, page, state) == {
        "scopes": READING.split(),
        "profile": {"email": email, "fullName": "Ada Example"},
    }


async def test_two_tabs_with_two_requests_are_finished_in_the_other_order(
    guest: Visitor, address, client, database, email
):
    await create_person(database, email, "Ada Example", PASSWORD)
    one, two = await client(address, "Planner"), await client(address, "Board", "admin")
    (first, first_state), (second, second_state) = address_of(one), address_of(two)
    page, other = guest.page, await guest.page.context.new_page()
    await page.goto(first)
    await other.goto(second)
    for tab in (other, page):  # each signs in for itself: neither knew of the other
        await tab.get_by_label("E-mail address").fill(email)
        await tab.get_by_label("Password", exact=True).fill(PASSWORD)
        await tab.get_by_role("button", name="Sign in").click()
    await other.get_by_role("button", name="Allow").click()  # shown in a session that is over
    await other.get_by_role("link", name="Try again").click()
    await expect(page.get_by_role("heading")).to_have_text("Allow Planner?")
    await expect(other.get_by_role("heading")).to_have_text("Allow Board?")
    for tab in (other, page):
        await tab.get_by_role("button", name="Allow").click()
        await expect(tab.locator("body")).to_have_text("Connected.")
    assert (await who(two, other, second_state))["scopes"] == ["admin"]
    assert (await who(one, page, first_state))["scopes"] == READING.split()


async def focused(page: Page) -> dict:
    """Return the focused element: its name or text, and the width of its outline."""
    found = await page.locator(":focus").evaluate(
        """e => JSON.stringify({what: e.name || e.textContent.trim(), text: e.textContent.trim(),
            line: getComputedStyle(e).outlineStyle === 'none' ? 0
                : parseFloat(getComputedStyle(e).outlineWidth)})"""
    )
    return json.loads(found)


async def tab_to(page: Page, what: str) -> None:
    """Press Tab until this field, link or button has the focus, with a visible outline."""
    for _ in range(12):
        if await page.locator(":focus").count():
            found = await focused(page)
            assert found["line"] >= 2, found
            if what in (found["what"], found["text"]):
                return
        await page.keyboard.press("Tab")
    raise AssertionError(what)


async def test_a_keyboard_is_enough(guest: Visitor, address, client, database, email):
    await create_person(database, email, "Ada Example", PASSWORD)
    planner, page = await client(address), guest.page
    asked, state = address_of(planner)
    await page.goto(asked)
    for attempt in ("wrong password", PASSWORD):
        await tab_to(page, "email")
        await page.keyboard.press("Control+A")
        await page.keyboard.type(email)
        await tab_to(page, "password")
        await page.keyboard.type(attempt)
        await page.keyboard.press("Enter")
        await page.wait_for_load_state()
        if attempt != PASSWORD:
            await expect(page.get_by_role("alert")).to_contain_text("is wrong")
            await page.goto(asked)
    await expect(page.get_by_role("heading")).to_have_text("Allow Planner?")
    await page.wait_for_load_state()  # with its style sheets, which say how the focus looks
    await tab_to(page, "Allow")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("/cb"))
    assert (await who(planner, page, state))["profile"]["email"] == email
