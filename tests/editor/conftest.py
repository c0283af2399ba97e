"""A gateway behind a network that can be cut, and people who edit a document in browsers."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial

import pytest
from playwright.async_api import Browser, Locator, Page, Request, expect

from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from graph.app import create_app
from graph.http.server.config import Config
from graph.settings import Settings
from tests.browsing import Complaints, keep_picture
from tests.serving import served
from tests.world import World

LOST = "net::ERR_|WebSocket connection to"
"""Chromium's own messages about a missing network."""
SECONDS = 60_000
"""Milliseconds to wait on a busy machine for something that takes a moment."""


class Network:
    """A connection to the gateway, which can be cut at any byte."""

    def __init__(self) -> None:
        self.target: tuple[str, int] | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def listen(self) -> str:
        """Listen; return the address."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Break every connection, and accept none."""
        self._cut, self.target = self.target, None
        for writer in [*self._open]:
            writer.transport.abort()

    def mend(self) -> None:
        """Accept connections again."""
        self.target = self._cut

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.target is None:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(*self.target)
        both = {writer, back}
        self._open |= both
        try:
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            for each in both:
                each.transport.abort()
            self._open -= both

    async def close(self) -> None:
        """Close for good."""
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.sleep(0.1)  # until every connection knows


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


class Gateway:
    """A gateway that can be stopped and started again at one address."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.network = Network()
        self.url = ""
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Start; use the same address as before."""
        if not self.url:
            self.url = await self.network.listen()
        settings = self._settings.model_copy(update={"public_url": self.url})
        config = partial(Config, settings=settings)
        inner = await self._stack.enter_async_context(
            served(lambda _: create_app(settings), config)
        )
        self.network.target = ("127.0.0.1", int(inner.rpartition(":")[2]))

    async def stop(self) -> None:
        """Stop as a server does on SIGTERM."""
        await self._stack.aclose()
        self.network.target = None


@pytest.fixture(scope="session")
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """Yield the real application, as it is served in production."""
    gateway = Gateway(settings)
    await gateway.start()
    yield gateway
    await gateway.network.close()
    await gateway.stop()


@dataclass
class Window:
    """One person's window with a document, and the errors in it."""

    page: Page
    world: World
    url: str
    complaints: Complaints = field(default_factory=Complaints)
    foreign: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note every error, every request elsewhere, and every message of the socket."""
        page = self.page
        page.on("console", lambda m: m.type in ("error", "warning") and self.complaints.add(m.text))
        page.on("pageerror", lambda error: self.complaints.add(str(error)))
        page.on("request", self._note)
        page.on("websocket", lambda ws: ws.on("framereceived", self._hear))

    def _note(self, request: Request) -> None:
        if not request.url.startswith(f"{self.url}/"):
            self.foreign.append(request.url)

    def _hear(self, text: str | bytes) -> None:
        self.told.append(str(text))

    async def open(self, document: object | None = None) -> None:
        """Open a document, the world's unless another is named, and wait until it is live."""
        await self.page.goto(f"{self.url}/live/{document or self.world.document}")

    async def is_live(self) -> None:
        """Wait until the page shows that it is live."""
        await expect(self.page.locator("#state")).to_have_text("Live", timeout=SECONDS)
        await expect(self.page.locator(".requirement").first).to_be_visible(timeout=SECONDS)

    def cell(self, name: str, requirement: object | None = None) -> Locator:
        """Return the cell of a field of a requirement, by default the world's."""
        id = requirement or self.world.requirement
        return self.page.locator(f"#row-{id} > [data-field={name}]")

    def value(self, name: str, requirement: object | None = None) -> Locator:
        """Return the locator of the cell's text."""
        return self.cell(name, requirement).locator(".value")

    async def type(self, name: str, text: str, requirement: object | None = None) -> None:
        """Replace a text by keyboard, and save it."""
        cell = self.cell(name, requirement)
        await cell.focus()
        await self.page.keyboard.press("Enter")
        await cell.locator("textarea").fill(text)
        await self.page.keyboard.press("Enter")

    async def shows(self, name: str, text: str, requirement: object | None = None) -> None:
        """Wait until the cell shows this text and nothing in it waits to be saved."""
        value = self.value(name, requirement)
        await expect(value).to_have_text(text, timeout=SECONDS)
        await expect(self.cell(name, requirement)).not_to_have_class(
            re.compile("saving|refused"), timeout=SECONDS
        )

    async def picture(self, name: str) -> None:
        """Keep a screenshot, if pictures are kept."""
        await keep_picture(self.page, f"editor-{name}")


Enter = Callable[..., Awaitable[Window]]


@pytest.fixture
async def enter(
    browser: Browser,
    gateway: Gateway,
    world: World,
    settings: Settings,
) -> AsyncIterator[Enter]:
    """Yield a function that opens a window for a person; it must have no errors at the end."""
    windows: list[Window] = []

    async def enter(person: str, **options: object) -> Window:
        async with world.database.auth.lend(NOBODY) as lent:
            session = await start(lent, world.people[person], Origin(None, None, None), settings)
        options = {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"} | options
        context = await browser.new_context(**options)
        cookie = {"name": "gateway", "value": session.secret, "url": gateway.url, "httpOnly": True}
        await context.add_cookies([cookie])
        window = Window(await context.new_page(), world, gateway.url)
        windows.append(window)
        window.watch()
        return window

    yield enter
    for window in windows:
        await window.page.context.close()
    for window in windows:
        assert window.complaints.unexpected == []
        assert window.foreign == []
