"""The real application on a port of this machine, and people in front of its pages."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from graph.app import create_app
from graph.settings import Settings
from tests.explorer.conftest import OUTPUT, browser  # noqa: F401 (a fixture)
from tests.serving import served

PHONE = {"width": 360, "height": 740}
"""CSS pixels of the narrowest phones that are still about."""
APPROVER = "approver@gateway.example"


@pytest.fixture(scope="session")
async def address(settings: Settings) -> AsyncIterator[str]:
    """Where the application is served."""

    def make(url: str) -> Starlette:
        return create_app(settings.model_copy(update={"public_url": url}))

    async with served(make) as url:
        yield url


@pytest.fixture
async def approving(settings: Settings) -> AsyncIterator[str]:
    """Where an application is served whose people are approved."""
    changed = {"sign_up": "approval", "approvers": (APPROVER,)}

    def make(url: str) -> Starlette:
        return create_app(settings.model_copy(update={"public_url": url, **changed}))

    async with served(make) as url:
        yield url


@dataclass
class Visitor:
    """Somebody with a phone that runs no scripts, and what went wrong on its screen."""

    page: Page
    address: str
    scheme: str
    complaints: list[str] = field(default_factory=list)
    shown: int = 0

    def watch(self) -> None:
        """Note every error and violation of the policy."""
        self.page.on("console", lambda m: m.type == "error" and self._complain(m))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _complain(self, message: ConsoleMessage) -> None:
        """Forms filled in wrong get 400, 401 or 403; what applications serve is their own."""
        ours = message.location["url"].startswith(self.address)
        if ours and not re.search("status of 40[013]", message.text):
            self.complaints.append(message.text)

    async def open(self, path: str) -> None:
        await self.page.goto(self.address + path)

    async def fill(self, **fields: str) -> None:
        """Fill fields in by their labels, in which `_` stands for a space."""
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
        """Keep a picture of the page, which must fit the screen in its width."""
        self.shown += 1
        picture = OUTPUT / "pages" / f"{self.scheme}-{self.shown:02}-{name}.png"
        await self.page.screenshot(path=picture, full_page=True)
        assert await overflow(self.page) == 0, name


async def overflow(page: Page) -> int:
    """CSS pixels by which a page is wider than its screen, and scrolls sideways."""
    wide = await page.locator("html").evaluate("root => root.scrollWidth - root.clientWidth")
    return int(wide)


@asynccontextmanager
async def visiting(browser: Browser, address: str, scheme: str = "light") -> AsyncIterator[Visitor]:  # noqa: F811
    """A visitor with an empty profile, whose page must not have complained in the end."""
    context = await browser.new_context(
        viewport=PHONE, color_scheme=scheme, java_script_enabled=False, is_mobile=True
    )
    visitor = Visitor(await context.new_page(), address, scheme)
    visitor.watch()
    yield visitor
    await context.close()
    assert visitor.complaints == []


@pytest.fixture(params=["light", "dark"])
async def visitor(
    request: pytest.FixtureRequest,
    browser: Browser,  # noqa: F811 (the fixture)
    address: str,
) -> AsyncIterator[Visitor]:
    """Somebody who comes in light and in dark."""
    async with visiting(browser, address, request.param) as visitor:
        yield visitor


@pytest.fixture
async def guest(browser: Browser, address: str) -> AsyncIterator[Visitor]:  # noqa: F811
    """Somebody who comes once."""
    async with visiting(browser, address) as guest:
        yield guest


@pytest.fixture
async def callback() -> AsyncIterator[str]:
    """Where an application awaits its answers."""

    def make(_: str) -> Starlette:
        return Starlette(routes=[Route("/cb", lambda _: PlainTextResponse("Connected."))])

    async with served(make) as url:
        yield f"{url}/cb"
