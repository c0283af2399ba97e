"""Comments on a requirement in its details: threads, marked words, replies and resolving, live."""

import pytest
from playwright.async_api import expect

from tests.editor.conftest import SECONDS
from tests.editor.test_columns import PHONE, UPDATE, Looking
from tests.editor.test_together import both
from tests.requirements.discussing import start, write

pytestmark = pytest.mark.processes


async def test_a_requirement_is_discussed_by_two_people_in_its_details(enter, world, gateway):
    await write(world, 1, description="The train stops within 40 m.")
    one, other = await both(enter, "viewer", "editor")
    details = []
    for window in (one, other):
        await window.cell("name").focus()
        await window.page.keyboard.press("Alt+Enter")
        details.append(window.page.get_by_role("complementary", name="Details"))
        await expect(details[-1]).to_contain_text("The train stops", timeout=SECONDS)
    mine, theirs = details

    field = mine.get_by_label("Comment on this requirement")
    await field.focus()
    await one.page.keyboard.type("Is this on a wet track?")
    await one.page.keyboard.press("Tab")
    await one.page.keyboard.type("within 40 m")
    await one.page.keyboard.press("Control+Enter")
    await expect(mine.locator("mark")).to_have_text("within 40 m", timeout=SECONDS)
    await expect(field).to_have_value("")

    reply = theirs.get_by_label("Reply")
    await expect(theirs.locator("blockquote")).to_have_text("within 40 m", timeout=SECONDS)
    await reply.fill("Yes, ")
    await theirs.get_by_label("Mention somebody").first.focus()
    await theirs.get_by_label("Mention somebody").first.select_option(label=f"viewer {world.name}")
    await expect(reply).to_have_value(f"Yes, @viewer {world.name} ")
    await expect(reply).to_be_focused()
    await start(world, "admin", body="Another thread")  # which leaves what is being written
    await expect(theirs.locator(".threads")).to_contain_text("Another thread", timeout=SECONDS)
    await expect(theirs.get_by_label("Reply").first).to_have_value(f"Yes, @viewer {world.name} ")
    await other.page.keyboard.press("Control+Enter")
    await expect(mine.locator(".threads")).to_contain_text("Yes, @viewer", timeout=SECONDS)
    unread = "{ viewer { notifications { nodes { type } } } }"
    told = await world.ask("viewer", unread)
    assert [row["type"] for row in told["notifications"]["nodes"]] == ["MENTION"]

    await mine.get_by_role("button", name="Edit: Is this on a wet track?").click()
    change = mine.get_by_label("Change the comment")
    await expect(change).to_be_focused()
    await change.fill("Is this on ice?")
    await mine.get_by_role("button", name="Save").click()
    await expect(theirs.locator(".threads")).to_contain_text("edited", timeout=SECONDS)
    await expect(theirs.locator(".threads")).to_contain_text("Is this on ice?")

    looking = Looking(one.page, gateway.url)
    await looking.here("document-comments")
    await one.page.set_viewport_size(PHONE)
    await looking.here("document-comments-360")
    assert looking.faults == []

    await _close(world, mine, theirs)


async def _close(world, mine, theirs):
    """Resolve the thread, reopen it and delete it."""
    await theirs.get_by_role("button", name="Resolve: Is this on ice?").click()
    await expect(mine.locator("mark")).to_have_count(0, timeout=SECONDS)
    await expect(mine.locator(".threads")).not_to_contain_text("Is this on ice?")
    await mine.get_by_role("button", name="Show 1 resolved").click()
    await mine.get_by_role("button", name="Reopen: Is this on ice?").click()
    await expect(mine.locator("mark")).to_have_text("within 40 m", timeout=SECONDS)
    await mine.get_by_role("button", name="Delete thread: Is this on ice?").click()
    await expect(theirs.locator("mark")).to_have_count(0, timeout=SECONDS)
    await world.ask("editor", UPDATE, id=world.requirement, version=2, input={"name": "Renamed"})
    await expect(theirs.locator(".threads")).to_contain_text("Another thread", timeout=SECONDS)
