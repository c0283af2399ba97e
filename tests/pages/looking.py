"""A phone that is shown every page, and what axe-core and its width find wrong with them."""

from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from tests.pages.conftest import OUTPUT, overflow

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLORS = ["color-contrast", "link-in-text-block"]
"""The rules that light and dark can keep apart from each other."""
AGAIN = "options => axe.run(options)"


class Looking:
    """A phone, and what it was shown."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.faults: list[str] = []
        self.number = 0

    async def at(self, path: str, name: str) -> None:
        """Go there, and look."""
        await self.page.goto(path if path.startswith("http") else self.address + path)
        await self.here(name)

    async def here(self, name: str) -> None:
        """Look at the page that is shown, in light and in dark, and keep pictures of it."""
        self.number += 1
        if wide := await overflow(self.page):
            self.faults.append(f"{name}: {wide} pixels too wide")
        everything = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
        judged = await Axe().run(self.page, options=everything)
        await self._keep("light", name, judged.response)
        await self.page.emulate_media(color_scheme="dark")
        colors = {"runOnly": {"type": "rule", "values": COLORS}, "resultTypes": ["violations"]}
        await self._keep("dark", name, await self.page.evaluate(AGAIN, colors))
        await self.page.emulate_media(color_scheme="light")

    async def _keep(self, scheme: str, name: str, judged: dict[str, Any]) -> None:
        file = f"look-{self.number:02}-{name}-{scheme}.png"
        await self.page.screenshot(path=OUTPUT / "pages" / file, full_page=True)
        for fault in judged["violations"]:
            nodes = [node["html"][:80] for node in fault["nodes"]]
            self.faults.append(f"{name}, {scheme}: {fault['id']} {nodes}")

    async def send(self, button: str, **fields: str) -> None:
        """Fill fields in, by their names, and press the button."""
        for field, value in fields.items():
            await self.page.locator(f"[name={field}]").fill(value)
        await self.page.get_by_role("button", name=button, exact=True).click()
        await self.page.wait_for_load_state()
