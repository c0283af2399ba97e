"""One browser for all tests of a worker."""

import shutil
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser

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
