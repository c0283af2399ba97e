"""Editing in the table: text, choices, late answers, refusals, and rows out of view."""

from uuid import UUID

import pytest
from playwright.async_api import expect

from tests.editor.conftest import LOST, SECONDS
from tests.editor.test_together import CREATE, DELETE, UPDATE, both

pytestmark = pytest.mark.processes

DEMOTE = """mutation ($id: UUID!) {
    organizationMemberUpdate(id: $id, expectedVersion: 1, input: {role: VIEWER}) { merged } }"""
ROWS = """INSERT INTO requirements
    (organization_id, project_id, document_id, block_id, name, position)
    SELECT $1, $2, $3, $4, 'Row ' || n, n + 1 FROM generate_series(1, $5::int) AS n"""
IS_LAID_OUT = "cell => cell.checkVisibility({ contentVisibilityAuto: true })"


async def versions(world):
    return [record["version"] for record in await world.records(world.requirement)]


async def test_a_text_is_not_rewritten_by_a_look_at_it(enter, world):
    before = "UPDATE requirements SET description = E'One.\\r\\nTwo.' WHERE id = $1"
    await world.superuser.execute(before, world.requirement)
    (one,) = await both(enter, "editor")
    await one.cell("description").focus()
    await one.page.keyboard.press("Enter")
    await one.page.keyboard.press("Tab")
    await one.type("name", "Written since")
    await one.shows("name", "Written since")
    assert await versions(world) == [2]


async def test_a_choice_is_made_by_enter_and_not_by_the_first_arrow(enter, world):
    (one,) = await both(enter, "editor")
    await one.cell("priority").focus()
    for key in ("Enter", "ArrowDown", "ArrowDown", "ArrowUp", "ArrowDown", "Enter"):
        await one.page.keyboard.press(key)
    await one.shows("priority", "Critical")
    assert await versions(world) == [2]
    await expect(one.cell("priority")).to_be_focused()
    await one.page.keyboard.press("Enter")
    await one.page.locator("select.editor").select_option("LOW")
    await one.page.keyboard.press("Tab")
    await one.shows("priority", "Low")


async def test_a_deleted_row_does_not_come_back_with_an_answer_that_was_repeated(
    enter, world, gateway
):
    made = await world.ask("editor", CREATE, document=world.document, block=world.block)
    id = made["requirement"]["id"]
    (one,) = await both(enter, "editor")
    lost = []

    async def lose(route):
        if "requirementUpdate" not in route.request.post_data or lost:
            await route.continue_()
            return
        lost.append(await route.fetch())
        await world.ask("owner", DELETE, id=id)
        await expect(one.page.locator(f"#row-{id}")).to_have_count(0, timeout=SECONDS)
        await route.abort("connectionreset")

    await one.page.route("**/graphql", lose)
    async with one.page.expect_response(lambda answer: "idempotent-replayed" in answer.headers):
        await one.type("name", "Done once", id)
    await expect(one.page.locator("#state")).not_to_have_class("state saving", timeout=SECONDS)
    await expect(one.page.locator(f"#row-{id}")).to_have_count(0)
    one.complaints.expect(LOST)


async def test_who_may_only_read_from_now_on_sees_that(enter, world):
    (one,) = await both(enter, "editor")
    await expect(one.page.locator("#readonly")).to_be_hidden()
    await world.ask("owner", DEMOTE, id=world.members["editor"])
    await one.cell("name").focus()
    await one.page.keyboard.press("Enter")
    await expect(one.page.locator("#readonly")).to_be_visible(timeout=SECONDS)
    await expect(one.page.locator(".editor")).to_have_count(0)
    await expect(one.cell("name")).to_have_attribute("aria-readonly", "true")
    one.complaints.expect("403")


async def test_a_note_on_a_row_that_is_gone_is_in_view_and_far_rows_cost_nothing(enter, world):
    place = (world.organization, world.project, world.document, world.block)
    await world.superuser.execute(ROWS, *place, 400)
    ids = await world.superuser.fetch(
        "SELECT id FROM requirements WHERE document_id = $1 ORDER BY position", world.document
    )
    last = UUID(str(ids[-1]["id"]))
    (one,) = await both(enter, "editor")
    assert await one.cell("name").evaluate(IS_LAID_OUT)
    assert not await one.cell("name", last).evaluate(IS_LAID_OUT)
    await world.ask("owner", UPDATE, id=last, version=1, input={"name": "To go"})
    await one.cell("name", last).focus()
    assert await one.cell("name", last).evaluate(IS_LAID_OUT)
    await one.page.keyboard.press("Enter")
    await one.cell("name", last).locator("textarea").fill("A sentence of great worth")
    await world.ask("owner", DELETE, id=last)
    note = one.page.locator(".note")
    await expect(note).to_contain_text("A sentence of great worth", timeout=SECONDS)
    await expect(note).to_be_in_viewport()
    one.complaints.expect("404")


async def test_a_name_stands_once_where_somebody_is_and_writes(enter, world):
    one, other = await both(enter, "editor", "owner")
    await other.cell("name").focus()
    await expect(one.cell("name").locator(".here")).to_be_visible(timeout=SECONDS)
    await other.type("name", "Written by the owner")
    await one.shows("name", "Written by the owner")
    await expect(one.cell("name").get_by_text(f"owner {world.name}")).to_have_count(2)
    shown = one.cell("name").locator(":is(.tag, .here span):visible")
    await expect(shown).to_have_count(1)
