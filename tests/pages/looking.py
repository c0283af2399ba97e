"""A phone that visits every page, and the faults that axe-core and its width find."""

from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.browsing import keep_picture
from tests.pages.conftest import overflow

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLORS = ["color-contrast", "link-in-text-block"]
"""The rules that depend on light and dark."""
AGAIN = "options => axe.run(options)"


class Looking:
    """A phone, and the pages that it has shown."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.faults: list[str] = []
        self.number = 0

    async def at(self, path: str, name: str) -> None:
        """Open an address, and check the page."""
        await self.page.goto(path if path.startswith("http") else self.address + path)
        await self.here(name)

    async def here(self, name: str) -> None:
        """Check the current page in light and in dark, and save screenshots of it."""
        self.number += 1
        passwords = await self.page.locator("input[type=password]:visible").count()
        if await self.page.get_by_role("button", name="Show password: ").count() != passwords:
            self.faults.append(f"{name}: a password cannot be shown")
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
        await keep_picture(self.page, f"page-{self.number:02}-{name}-{scheme}", whole=True)
        for fault in judged["violations"]:
            nodes = [node["html"][:80] for node in fault["nodes"]]
            self.faults.append(f"{name}, {scheme}: {fault['id']} {nodes}")

    async def show_password(self) -> None:
        """Show the password that is typed and hide it again, by the keyboard alone."""
        typed = self.page.get_by_label("Password", exact=True)
        await typed.fill("typed")
        await self.page.keyboard.press("Tab")
        button = self.page.locator("button:focus")
        await expect(button).to_have_accessible_name("Show password: Password")
        assert await button.get_attribute("aria-controls") == await typed.get_attribute("id")
        for key, text, type_ in (
            ("Enter", "Hide password", "text"),
            ("Space", "Show password", "password"),
        ):
            await self.page.keyboard.press(key)
            await expect(button).to_have_text(text)
            await expect(typed).to_have_attribute("type", type_)
            await expect(typed).to_have_value("typed")

    async def send(self, button: str, **fields: str) -> None:
        """Fill fields in, by their names, and press the button."""
        for field, value in fields.items():
            await self.page.locator(f"[name={field}]").fill(value)
        await self.page.get_by_role("button", name=button, exact=True).click()
        await self.page.wait_for_load_state()
