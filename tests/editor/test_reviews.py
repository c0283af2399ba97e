"""Reviews on the page of a document: requested, read and decided, by keyboard too."""

import pytest
from playwright.async_api import expect

from tests.editor.conftest import SECONDS
from tests.editor.test_together import UPDATE
from tests.pages.conftest import PHONE
from tests.pages.looking import Looking
from tests.requirements.reviewing import Reviewing, current, workflow
from tests.requirements.test_reviews import NEW

pytestmark = pytest.mark.processes

WIDE = {"width": 1280, "height": 800}


async def _request(author, world, looking):
    """Request a review by keyboard; return its drawer."""
    drawer = author.page.locator("#reviews")
    await author.cell("name").focus()
    await author.page.keyboard.press("Alt+r")
    await expect(drawer.get_by_role("heading", name="Reviews")).to_be_focused(timeout=SECONDS)
    await expect(drawer).to_contain_text("has not been reviewed", timeout=SECONDS)
    await drawer.get_by_label("Name").fill("Release 2")
    await drawer.get_by_role("listbox").select_option(label=f"viewer {world.name}")
    await drawer.get_by_label("Due").fill("2030-01-31T12:00")
    await looking.here("reviews-request")
    await drawer.get_by_role("button", name="Request the review").press("Enter")
    await expect(drawer.get_by_role("heading", name="Release 2")).to_be_visible(timeout=SECONDS)
    await expect(drawer).to_contain_text("due Jan 31, 2030", timeout=SECONDS)
    return drawer


async def _approve(reviewer):
    """Approve the item with a comment, by keyboard; return the drawer."""
    drawer = reviewer.page.locator("#reviews")
    await reviewer.cell("name").focus()
    await reviewer.page.keyboard.press("Alt+r")
    await expect(drawer).to_contain_text("You are a reviewer", timeout=SECONDS)
    await expect(drawer.get_by_role("button", name="Request the review")).to_have_count(0)
    await drawer.get_by_role("button", name="Release 2").press("Enter")
    await drawer.get_by_label("Comment on").fill("Measured in test 12.", timeout=SECONDS)
    await drawer.get_by_role("button", name="Approve:").press("Enter")
    await expect(drawer.locator("li")).to_contain_text("You approve", timeout=SECONDS)
    await expect(drawer.get_by_role("button", name="Approve:")).to_be_focused()
    return drawer


@pytest.mark.parametrize("screen", [PHONE, WIDE], ids=["phone", "wide"])
async def test_a_review_is_requested_decided_and_falls_with_its_content(
    enter, world, gateway, screen
):
    author, reviewer = [
        await enter(person, viewport=screen, is_mobile=screen is PHONE)
        for person in ("editor", "viewer")
    ]
    for window in (author, reviewer):
        await window.open()
        await window.is_live()
    looking = Looking(author.page, gateway.url)
    mine = await _request(author, world, looking)
    close = mine.get_by_role("button", name="Close the review")
    await close.focus()
    theirs = await _approve(reviewer)
    await expect(mine.locator("li")).to_contain_text("Measured in test 12.", timeout=SECONDS)
    await expect(mine.locator("li .pill").first).to_have_text("Approved")
    await expect(close).to_be_focused()
    await theirs.get_by_role("button", name="Sign your verdict").press("Enter")
    await expect(theirs).to_contain_text("Signed by viewer", timeout=SECONDS)
    await expect(mine).to_contain_text("(approval)", timeout=SECONDS)
    comment = theirs.get_by_label("Comment on")
    await comment.fill("Half written")
    await world.ask("owner", UPDATE, id=world.requirement, version=1, input={"name": "Theirs"})
    for drawer in (mine, theirs):
        await expect(drawer).to_contain_text("Approval fallen", timeout=SECONDS)
    await expect(comment).to_be_focused()
    await expect(comment).to_have_value("Half written")
    await expect(theirs.get_by_role("button", name="Approve:")).to_be_disabled()
    await looking.here("reviews-author")
    looking.page = reviewer.page
    await looking.here("reviews-reviewer")
    await mine.get_by_role("button", name="Review the current content").press("Enter")
    await expect(mine.locator("li")).to_contain_text("Theirs", timeout=SECONDS)
    await close.press("Enter")
    await expect(mine.locator(".pill").first).to_have_text("Closed", timeout=SECONDS)
    await author.page.keyboard.press("Escape")
    await expect(mine).to_be_hidden()
    await expect(author.cell("name")).to_be_focused()
    assert looking.faults == []


async def test_the_remaining_items_are_approved_at_once_and_told_in_the_details(enter, world):
    made = await world.ask("owner", NEW, input={"documentId": world.document, "name": "Second"})
    ids = [world.requirement, made["requirement"]["id"]]
    await Reviewing.begin(world, *ids, reviewers=[{"role": "VIEWER"}])
    one = await enter("viewer")
    await one.open()
    await one.is_live()
    await one.cell("name").focus()
    await one.page.keyboard.press("Alt+Enter")
    details = one.page.locator("#details")
    await expect(details).to_contain_text("No review has approved it.", timeout=SECONDS)
    await details.get_by_role("button", name="Close").focus()
    await one.page.get_by_role("toolbar").get_by_role("button", name="Reviews").click()
    await expect(details).to_be_hidden()
    drawer = one.page.locator("#reviews")
    await drawer.get_by_role("button", name="Review", exact=True).click(timeout=SECONDS)
    await drawer.get_by_role("button", name="Approve the remaining 2").click(timeout=SECONDS)
    await expect(drawer.locator("li", has_text="You approve")).to_have_count(2, timeout=SECONDS)
    await drawer.get_by_role("button", name=f"Requirement {world.name}: go to it").click()
    await expect(one.cell("name")).to_be_focused(timeout=SECONDS)
    await one.page.keyboard.press("Alt+Enter")
    opening = details.get_by_role("button", name="Open the review")
    await opening.focus(timeout=SECONDS)
    await world.ask("owner", UPDATE, id=world.requirement, version=1, input={"name": "Theirs"})
    await expect(details).to_contain_text("Content changed since", timeout=SECONDS)
    await expect(opening).to_be_focused()
    await opening.press("Enter")
    await expect(drawer).to_contain_text("Approval fallen", timeout=SECONDS)


async def test_a_status_that_the_workflow_refuses_is_refused_on_the_page(enter, world):
    await workflow(world)
    one = await enter("editor")
    await one.open()
    await one.is_live()
    cell = one.cell("status")
    await cell.focus()
    await one.page.keyboard.press("Enter")
    await cell.locator("select").select_option("VERIFIED")
    await one.page.keyboard.press("Enter")
    refusal = one.page.locator(".note")
    await expect(refusal).to_contain_text("does not allow the status VERIFIED", timeout=SECONDS)
    await refusal.get_by_role("button", name="Discard my change").click()
    await one.shows("status", "Draft")
    assert (await current(world))["status"] == "DRAFT"
