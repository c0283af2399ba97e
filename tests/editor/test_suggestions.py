"""Change sets on the page of a document: read, suggested, resolved and applied, by keyboard too."""

import pytest
from playwright.async_api import expect

from tests.editor.conftest import SECONDS
from tests.editor.test_together import UPDATE
from tests.pages.conftest import PHONE
from tests.pages.looking import Looking
from tests.requirements.proposals import Proposal, updated

pytestmark = pytest.mark.processes

WIDE = {"width": 1280, "height": 800}


@pytest.mark.parametrize("screen", [PHONE, WIDE], ids=["phone", "wide"])
async def test_a_change_is_suggested_resolved_and_applied(enter, world, gateway, screen):
    one = await enter("editor", viewport=screen, is_mobile=screen is PHONE)
    looking = Looking(one.page, gateway.url)
    await one.open()
    await one.is_live()
    drawer, keyboard = one.page.locator("#suggestions"), one.page.keyboard
    await one.cell("name").focus()
    await keyboard.press("Alt+s")
    await expect(drawer.get_by_role("heading", name="Suggestions")).to_be_focused(timeout=SECONDS)
    await expect(drawer).to_contain_text("No open change set", timeout=SECONDS)
    await drawer.get_by_label("Name").fill("Stops within 30 m")
    await drawer.get_by_label("Description").fill("On a wet road.")
    await drawer.get_by_role("button", name="Suggest").press("Enter")
    diff = drawer.locator("dl")
    await expect(diff.locator("ins").first).to_have_text("Stops within 30 m", timeout=SECONDS)
    await looking.here(f"suggestions-{screen['width']}")
    await world.ask("owner", UPDATE, id=world.requirement, version=1, input={"name": "Theirs"})
    await keyboard.press("Escape")
    await expect(drawer).to_be_hidden()
    await one.shows("name", "Theirs")
    await one.cell("name").focus()
    await keyboard.press("Alt+s")
    conflict = drawer.get_by_role("group", name="Conflict")
    await expect(conflict).to_contain_text("Theirs", timeout=SECONDS)
    apply = drawer.get_by_role("button", name="Apply")
    await expect(apply).to_be_disabled()
    await looking.here(f"suggestions-conflict-{screen['width']}")
    await conflict.get_by_role("button", name="Stops within").press("Enter")
    await expect(conflict).to_have_count(0, timeout=SECONDS)
    await expect(apply).to_be_enabled(timeout=SECONDS)
    await apply.press("Enter")
    await one.shows("name", "Stops within 30 m")
    await expect(drawer).to_contain_text("No open change set", timeout=SECONDS)
    assert looking.faults == []


async def test_suggestions_of_others_appear_and_lead_to_their_row(enter, world):
    one = await enter("viewer")
    await one.open()
    await one.is_live()
    drawer = one.page.locator("#suggestions")
    await one.page.get_by_role("button", name="Suggestions").click()
    await expect(drawer).to_contain_text("No open change set", timeout=SECONDS)
    proposal = await Proposal.begin(world, name="Shorter")
    await proposal.edit(
        updated(world.requirement, 1, name="Proposed"),
        {"requirementCreate": {"documentId": world.document, "name": "Added"}},
    )
    await drawer.get_by_text("Shorter").click(timeout=SECONDS)
    await expect(drawer.locator("li")).to_have_count(2, timeout=SECONDS)
    await expect(drawer).to_contain_text("Add Added")
    await expect(drawer.get_by_role("button", name="Apply")).to_have_count(0)
    await drawer.get_by_role("button", name="go to it").click()
    await expect(one.page.locator(f"#row-{world.requirement} .cell:focus")).to_have_count(1)
    toggle = drawer.get_by_role("button", name="Show in the table: Shorter")
    await toggle.press("Enter")
    await expect(one.value("name").locator("ins")).to_have_text("Proposed")
    await expect(toggle).to_be_focused()
    await proposal.edit(updated(world.requirement, 1, description="As well"))
    await expect(one.value("description").locator("ins")).to_have_text("As well", timeout=SECONDS)
    await drawer.get_by_role("button", name="Show in the table: Shorter").press("Enter")
    await expect(one.page.locator(".cell ins")).to_have_count(0)
    await drawer.get_by_role("button", name="Show in the table: Shorter").press("Enter")
    await proposal.apply()
    await one.shows("name", "Proposed")
    await expect(one.page.locator(".cell ins")).to_have_count(0, timeout=SECONDS)
