"""The gateway with its demo data on a port of this machine, and a browser that visits it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Request, expect
from starlette.applications import Starlette

from db.pool import Database
from graph.app import create_app
from graph.demo import create_demo
from graph.explorer.build import build
from graph.platform.files import storage_of
from graph.settings import Settings
from tests.browsing import Complaints
from tests.serving import served

expect.set_options(timeout=60_000)  # milliseconds: a busy machine is no defect


@dataclass
class Gateway:
    """A running gateway: its address, and the demo's people with their passwords."""

    url: str
    passwords: dict[str, str]


@pytest.fixture(scope="session")
async def demo(database: Database, settings: Settings) -> dict[str, str]:
    """Return the demo data; its people's passwords by their addresses."""
    accounts = await create_demo(database, storage_of(settings), settings)
    return {account.email: account.password for account in accounts}


@pytest.fixture(scope="session")
async def gateway(settings: Settings, demo: dict[str, str]) -> AsyncIterator[Gateway]:
    """Yield the real application with the demo data, served as it is in production."""
    build()

    def make(url: str) -> Starlette:
        return create_app(settings.model_copy(update={"public_url": url}))

    async with served(make) as url:
        yield Gateway(url, demo)


@dataclass
class Visitor:
    """A person in front of the explorer, and the errors on their screen."""

    page: Page
    gateway: Gateway
    complaints: Complaints = field(default_factory=Complaints)
    foreign: list[str] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)

    def watch(self) -> None:
        """Note every error, every violation of the policy and every request."""
        page = self.page
        page.on("console", lambda m: m.type in ("error", "warning") and self.complaints.add(m.text))
        page.on("pageerror", lambda error: self.complaints.add(str(error)))
        page.on("requestfailed", self._failed)
        page.on("request", self._note)

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # given up when the visitor went elsewhere
            self.complaints.add(f"{request.failure}: {request.url}")

    def _note(self, request: Request) -> None:
        self.sent.append(request)
        if not request.url.startswith(f"{self.gateway.url}/"):
            self.foreign.append(request.url)

    async def open(self) -> None:
        """Open the explorer and wait for its editors."""
        await self.page.goto(f"{self.gateway.url}/explorer")
        await self.ready()

    async def ready(self) -> None:
        """Wait until the editors are loaded."""
        await self.page.locator(".graphiql-query-editor .view-line").first.wait_for()

    async def sign_in(self, email: str) -> None:
        """Sign in through the page for it, from which the way leads to the explorer."""
        if not self.page.url.startswith(self.gateway.url):
            await self.page.goto(f"{self.gateway.url}/sign-in?next=/explorer")
        else:
            await self.page.get_by_role("banner").get_by_role("button", name="Sign in").click()
        await self.page.get_by_label("E-mail address").fill(email)
        await self.page.get_by_label("Password", exact=True).fill(self.gateway.passwords[email])
        await self.page.get_by_role("button", name="Sign in").click()
        await self.ready()

    async def choose(self, scopes: str) -> None:
        """Choose the explorer's scopes, by one of their common names."""
        banner = self.page.get_by_role("banner")
        await banner.locator(".scopes > summary").click()
        await banner.get_by_role("button", name=scopes, exact=True).click()
        await banner.get_by_role("button", name="Use these scopes").click()
        await expect(banner.locator(".scopes > summary")).to_have_text(scopes)

    async def type_operation(self, text: str) -> None:
        """Replace the operation; the editor completes brackets, so the text is pasted."""
        editor = self.page.locator(".graphiql-query-editor .monaco-editor")
        await editor.click()
        await self.page.keyboard.press("ControlOrMeta+a")
        await self.page.keyboard.press("Delete")  # else brackets are put around what is selected
        await self.page.keyboard.insert_text(text)
        await self.page.wait_for_timeout(300)  # GraphiQL reads it a tenth of a second later

    async def execute(self) -> dict[str, Any]:
        """Run the operation; return the answer that the explorer shows."""
        async with self.page.expect_response(f"{self.gateway.url}/graphql") as response:
            await self.page.get_by_role("button", name="Execute query").click()
        expected = json.loads(await (await response.value).text())
        shown = self.page.locator(".graphiql-response")
        await shown.get_by_text('"data"').or_(shown.get_by_text('"errors"')).first.wait_for()
        return expected


@pytest.fixture
async def visitor(browser: Browser, gateway: Gateway) -> AsyncIterator[Visitor]:
    """Yield a visitor with an empty profile, whose page must have no errors at the end."""
    context = await browser.new_context(
        viewport={"width": 1440, "height": 900}, color_scheme="light"
    )
    visitor = Visitor(await context.new_page(), gateway)
    visitor.watch()
    yield visitor
    await context.close()
    assert visitor.complaints.unexpected == []
    assert visitor.foreign == []
