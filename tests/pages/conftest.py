"""The real application on a port of this machine, and people in front of its pages."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, Page
from starlette.applications import Starlette

from graph.app import create_app
from graph.settings import Settings
from tests.explorer.conftest import OUTPUT, browser  # noqa: F401 (a fixture)
from tests.serving import served

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
async def address(settings: Settings) -> AsyncIterator[str]:
    """Where the application is served."""

    def make(url: str) -> Starlette:
        return create_app(settings.model_copy(update={"public_url": url}))

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
        self.page.on("console", lambda m: m.type == "error" and self._complain(m.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _complain(self, text: str) -> None:
        if "status of 400" not in text:  # what a form that is filled in wrong gets
            self.complaints.append(text)

    async def open(self, path: str) -> None:
        await self.page.goto(self.address + path)

    async def fill(self, **fields: str) -> None:
        """Fill fields in by their labels, in which `_` stands for a space."""
        for label, value in fields.items():
            await self.page.get_by_label(label.replace("_", " "), exact=True).fill(value)

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name, exact=True).click()

    async def follow(self, name: str) -> None:
        await self.page.get_by_role("link", name=name, exact=True).click()

    async def show(self, name: str) -> None:
        """Keep a picture of the page, which must fit the screen in its width."""
        self.shown += 1
        picture = OUTPUT / "pages" / f"{self.scheme}-{self.shown:02}-{name}.png"
        await self.page.screenshot(path=picture, full_page=True)
        width = await self.page.locator("body").evaluate("body => body.scrollWidth")
        assert width <= PHONE["width"], name


@pytest.fixture(params=["light", "dark"])
async def visitor(
    request: pytest.FixtureRequest,
    browser: Browser,  # noqa: F811 (the fixture)
    address: str,
) -> AsyncIterator[Visitor]:
    """A visitor with an empty profile, whose page must not have complained in the end."""
    context = await browser.new_context(
        viewport=PHONE, color_scheme=request.param, java_script_enabled=False, is_mobile=True
    )
    visitor = Visitor(await context.new_page(), address, request.param)
    visitor.watch()
    yield visitor
    await context.close()
    assert visitor.complaints == []
