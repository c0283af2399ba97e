"""Adding, deleting and moving rows, and undoing that, while somebody else looks on."""

import pytest
from playwright.async_api import expect

from tests.editor.conftest import LOST, SECONDS
from tests.editor.test_editing import DEMOTE
from tests.editor.test_together import UPDATE, both

pytestmark = pytest.mark.processes

SECOND = """mutation ($document: UUID!) {
    blockCreate(input: {documentId: $document, name: "Second"}) { block { id } } }"""


async def test_rows_are_added_moved_deleted_and_undone_by_keyboard_and_pointer(enter, world):
    await world.ask("editor", SECOND, document=world.document)
    one, other = await both(enter, "editor", "owner")
    keyboard, first = one.page.keyboard, f"Requirement {world.name}"
    names = ".requirement [data-field=name] .value, .block .value"
    block = await one.page.locator(".block .value").first.text_content()

    async def stand(*expected):
        for window in (one, other):
            await expect(window.page.locator(names)).to_have_text(expected, timeout=SECONDS)

    await one.cell("name").focus()
    await keyboard.press("Control+Enter")
    await expect(one.page.locator("textarea")).to_be_focused(timeout=SECONDS)
    await keyboard.type("Added")
    await keyboard.press("Control+Enter")
    await expect(one.page.locator("textarea")).to_have_value("New requirement", timeout=SECONDS)
    await keyboard.type("And another")
    await keyboard.press("Enter")
    await stand(block, first, "Added", "And another", "Second")

    await keyboard.press("Alt+ArrowUp")
    await keyboard.press("Alt+ArrowUp")
    await stand(block, "And another", first, "Added", "Second")
    await expect(one.page.locator(".cell:focus .value")).to_have_text("And another")
    await one.cell("name").focus()
    tools = one.page.get_by_role("toolbar")
    for _ in range(2):
        await tools.get_by_role("button", name="Down").click()
    await stand(block, "And another", "Added", "Second", first)
    await tools.get_by_role("button", name="Delete").click()
    await stand(block, "And another", "Added", "Second")
    await one.page.locator("#toast").get_by_role("button", name="Undo").click()
    await stand(block, "And another", "Added", "Second", first)
    await expect(one.page.locator(f"#row-{world.requirement} .cell:focus")).to_have_count(1)

    for after in (
        [block, "And another", "Added", first, "Second"],
        [block, "And another", first, "Added", "Second"],
        [block, first, "And another", "Added", "Second"],
        [block, first, "Added", "And another", "Second"],
        [block, first, "Added", "New requirement", "Second"],
        [block, first, "Added", "Second"],
    ):
        await keyboard.press("Control+z")
        await stand(*after)
    await keyboard.press("Control+Shift+z")
    await keyboard.press("Control+Shift+z")
    await stand(block, first, "Added", "And another", "Second")
    await one.cell("externalId").drag_to(one.page.locator(".block").last)
    await stand(block, "Added", "And another", "Second", first)
    await keyboard.press("Control+z")
    await stand(block, first, "Added", "And another", "Second")
    await tools.get_by_role("button", name="Add").focus()
    await keyboard.press("ArrowRight")
    await expect(tools.get_by_role("button", name="Delete")).to_be_focused()


async def test_what_others_have_changed_since_is_not_undone(enter, world, gateway):
    one, other = await both(enter, "editor", "owner")
    await one.type("name", "Mine")
    await other.shows("name", "Mine")
    await other.type("name", "Theirs")
    await one.shows("name", "Theirs")
    await other.type("description", "Theirs as well")
    await one.shows("description", "Theirs as well")
    await one.page.keyboard.press("Control+z")
    toast = one.page.locator("#toast")
    await expect(toast).to_have_text(
        f"Not undone: owner {world.name} has changed this since.", timeout=SECONDS
    )
    await one.shows("name", "Theirs")
    await expect(one.page.locator(".note")).to_have_count(0)

    gateway.network.cut()
    await expect(one.page.locator("#bar")).to_be_visible(timeout=SECONDS)
    await one.type("name", "First")
    await one.cell("name").focus()
    await one.page.keyboard.press("Control+Enter")
    await one.page.keyboard.press("Alt+ArrowDown")
    gateway.network.mend()
    await expect(one.page.locator(".requirement")).to_have_count(2, timeout=SECONDS)
    await one.shows("name", "First")
    await one.page.keyboard.press("Escape")
    one.complaints.expect(LOST)
    other.complaints.expect(LOST)

    await world.ask("owner", DEMOTE, id=world.members["editor"])
    await expect(one.page.locator("#readonly")).to_be_hidden()
    await one.cell("name").focus()
    await one.page.keyboard.press("Control+Delete")
    await expect(one.page.locator(".note")).to_be_visible(timeout=SECONDS)
    await expect(one.page.locator("#readonly")).to_be_visible(timeout=SECONDS)
    await expect(one.page.get_by_role("button", name="Add")).to_be_disabled()
    one.complaints.expect("403")


async def test_a_row_that_others_have_changed_is_not_deleted_unseen(enter, world):
    (one,) = await both(enter, "editor")

    changed = []

    async def late(route):
        if "requirementDelete" in route.request.post_data and not changed:
            values = {"id": world.requirement, "version": 1, "input": {"name": "Of great worth"}}
            changed.append(await world.ask("owner", UPDATE, **values))
        await route.continue_()

    await one.page.route("**/graphql", late)
    await one.cell("name").focus()
    await one.page.keyboard.press("Control+Delete")
    note = one.page.locator(".note")
    await expect(note).to_contain_text(f"owner {world.name} has changed this", timeout=SECONDS)
    await one.shows("name", "Of great worth")
    await note.get_by_role("button", name="Delete it").click()
    await expect(one.page.locator(".requirement")).to_have_count(0, timeout=SECONDS)
    await expect(note).to_have_count(0)
