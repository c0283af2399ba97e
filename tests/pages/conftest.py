"""The real application on a port of this machine, and people who visit its pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from auth.web import page as making
from graph.app import create_app
from graph.settings import Settings
from tests.browsing import Complaints, keep_picture
from tests.serving import served

PHONE = {"width": 360, "height": 740}
"""The CSS pixels of the narrowest phones in use."""
APPROVER = "approver@gateway.example"


@pytest.fixture(scope="session")
async def address(settings: Settings) -> AsyncIterator[str]:
    """Yield the address of the application."""

    def make(url: str) -> Starlette:
        return create_app(settings.model_copy(update={"public_url": url}))

    async with served(make) as url:
        yield url


@pytest.fixture
async def approving(settings: Settings) -> AsyncIterator[str]:
    """Yield the address of an application whose people need approval."""
    changed = {"sign_up": "approval", "approvers": (APPROVER,)}

    def make(url: str) -> Starlette:
        return create_app(settings.model_copy(update={"public_url": url, **changed}))

    async with served(make) as url:
        yield url


@dataclass
class Visitor:
    """A person with a phone without script, and the errors on its screen."""

    page: Page
    address: str
    complaints: Complaints = field(default_factory=Complaints)
    shown: int = 0

    def watch(self) -> None:
        """Note every error and violation of the policy."""
        self.page.on("console", lambda m: m.type == "error" and self._complain(m))
        self.page.on("pageerror", lambda error: self.complaints.add(str(error)))

    def _complain(self, message: ConsoleMessage) -> None:
        """Note a failed response of the gateway."""
        ours = message.location["url"].startswith(self.address)
        if ours:
            self.complaints.add(message.text)

    async def open(self, path: str) -> None:
        await self.page.goto(self.address + path)

    async def fill(self, **fields: str) -> None:
        """Fill fields in by their labels, with `_` for spaces."""
        for label, value in fields.items():
            await self.page.get_by_label(label.replace("_", " "), exact=True).fill(value)

    async def sign_in(self, email: str, password: str) -> None:
        """Fill in the form for signing in, and send it."""
        await self.fill(**{"E-mail_address": email, "Password": password})
        await self.press("Sign in")

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def follow(self, name: str) -> None:
        await self.page.get_by_role("link", name=name, exact=True).click()

    async def show(self, name: str) -> None:
        """Look at the page, which must fit the screen in its width."""
        self.shown += 1
        await keep_picture(self.page, f"journey-{self.shown:02}-{name}", whole=True)
        assert await overflow(self.page) == 0, name


async def overflow(page: Page) -> int:
    """Return the CSS pixels by which a page is wider than its screen."""
    wide = await page.locator("html").evaluate("root => root.scrollWidth - root.clientWidth")
    return int(wide)


@asynccontextmanager
async def visiting(browser: Browser, address: str) -> AsyncIterator[Visitor]:
    """Yield a visitor with an empty profile, whose page must have no errors at the end."""
    context = await browser.new_context(viewport=PHONE, java_script_enabled=False, is_mobile=True)
    visitor = Visitor(await context.new_page(), address)
    visitor.watch()
    visitor.complaints.expect("status of 40[013]")  # answers that the pages intend
    yield visitor
    await context.close()
    assert visitor.complaints.unexpected == []


@pytest.fixture
async def visitor(browser: Browser, address: str) -> AsyncIterator[Visitor]:
    """Yield a visitor. What is dark is looked at by `test_accessibility.py`."""
    async with visiting(browser, address) as visitor:
        yield visitor


@pytest.fixture
async def guest(browser: Browser, address: str) -> AsyncIterator[Visitor]:
    """Yield a visitor in one mode."""
    async with visiting(browser, address) as guest:
        yield guest


@pytest.fixture
async def callback() -> AsyncIterator[str]:
    """Yield the redirect address of an application."""

    def make(_: str) -> Starlette:
        return Starlette(routes=[Route("/cb", lambda _: PlainTextResponse("Connected."))])

    async with served(make) as url:
        yield f"{url}/cb"


@pytest.fixture
def shown(monkeypatch):
    """Return the templates of the pages that were shown."""
    shown = set()
    get = making._templates.get_template

    def note(template, *others):
        shown.add(template)
        return get(template, *others)

    monkeypatch.setattr(making._templates, "get_template", note)
    return shown
