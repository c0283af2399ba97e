"""Participants of a document see each other: their names, locations and edits."""

import re

import pytest
from playwright.async_api import expect

from tests.editor.conftest import LOST, SECONDS
from tests.editor.test_together import both

pytestmark = pytest.mark.processes


async def test_people_see_who_is_here_and_at_which_field(enter, world, gateway):
    one, other = await both(enter, "editor", "owner")
    people = other.page.get_by_role("list", name="Also here").get_by_role("button")
    await expect(people).to_have_text([re.compile(f"editor {world.name}")], timeout=SECONDS)
    await one.cell("status").focus()
    here = other.cell("status").locator(".here")
    await expect(here).to_have_text(f"editor {world.name}", timeout=SECONDS)

    await one.cell("description").focus()
    await one.page.keyboard.press("Enter")
    await expect(here).to_have_count(0)
    writing = other.cell("description").locator(".here.writing")
    await expect(writing).to_be_visible(timeout=SECONDS)
    await one.page.keyboard.type("Something")
    await other.picture("presence")

    await people.click()
    await expect(other.cell("description")).to_be_focused()
    await other.page.keyboard.press("Enter")
    hint = other.cell("description").locator(".hint")
    await expect(hint).to_contain_text(f"editor {world.name} is writing here", timeout=SECONDS)
    await other.page.keyboard.press("Escape")

    await one.page.keyboard.press("Enter")
    await other.shows("description", "Something")
    await expect(writing).to_have_count(0)
    await expect(one.cell("description").locator(".here")).to_contain_text(f"owner {world.name}")

    gateway.network.cut()
    await expect(people).to_have_count(0, timeout=SECONDS)
    gateway.network.mend()
    await expect(people).to_have_count(1, timeout=SECONDS)
    here = other.cell("description").locator(".here")
    await expect(here).to_have_text(f"editor {world.name}", timeout=SECONDS)
    await one.page.close()
    await expect(people).to_have_count(0, timeout=SECONDS)
    await expect(other.page.locator(".here")).to_have_count(0)
    for window in (one, other):
        window.complaints.expect(LOST)
