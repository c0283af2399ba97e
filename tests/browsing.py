"""One browser for all tests of a worker."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

FLAGS = (
    # A browser run by root, as in a container, has no sandbox of its own.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # The browser itself looks up nothing, so that each foreign request is the page's.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PICTURES = os.environ.get("GATEWAY_PICTURES")
"""The folder in which screenshots of the pages are kept, for people to look at; none by default."""


class Complaints:
    """Collects the messages of a browser's console, except those that a test expects.

    The console tells of an answer when the browser gets to it, which may be long after the page
    has shown it, and even when it is being closed. So a test never looks at the messages of a
    moment: it names what may come, before or after, and the rest is judged at the end.
    """

    def __init__(self) -> None:
        self._messages: list[str] = []
        self._expected: list[str] = []
        self._arrived = asyncio.Event()

    def add(self, message: str) -> None:
        """Note a message."""
        self._messages.append(message)
        self._arrived.set()

    def expect(self, pattern: str) -> None:
        """Allow the messages in which a regular expression is found, past and future ones."""
        self._expected.append(pattern)

    async def arrival(self, pattern: str) -> int:
        """Wait for a message in which this is found, and allow it; return how many there are."""
        self.expect(pattern)
        async with asyncio.timeout(60):
            while not (found := sum(bool(re.search(pattern, m)) for m in self._messages)):
                self._arrived.clear()
                await self._arrived.wait()
        return found

    @property
    def unexpected(self) -> list[str]:
        """The messages so far that nobody expected."""
        return [
            message
            for message in self._messages
            if not any(re.search(pattern, message) for pattern in self._expected)
        ]


async def keep_picture(page: "Page", name: str, *, whole: bool = False) -> None:
    """Save a screenshot of what is visible, or of the whole page, if pictures are kept."""
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=whole)


@pytest.fixture(scope="session")
async def browser() -> "AsyncIterator[Browser]":
    """Yield Chromium as the machine has it; nothing is downloaded."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 (most runs need no browser)

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()
