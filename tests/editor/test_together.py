"""Two people on one document, each in a window of their own."""

from uuid import uuid4

import pytest
from playwright.async_api import expect

from tests.editor.conftest import SECONDS

pytestmark = pytest.mark.processes

CLOSED = "This document does not exist, or you do not have access to it."
CLOSES = 5000
"""Milliseconds; on a machine with nothing else to do it takes a tenth of a second."""
REMOVE = """mutation ($id: UUID!) {
    organizationMemberRemove(id: $id, expectedVersion: 1) { __typename } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        requirement { version } } }"""
CREATE = """mutation ($document: UUID!, $block: UUID!) {
    requirementCreate(input: {documentId: $document, blockId: $block, name: "Made elsewhere"}) {
        requirement { id version } } }"""
FIRST = """mutation ($id: UUID!, $block: UUID!) {
    requirementMove(id: $id, expectedVersion: 1, placeAt: {blockId: $block, at: {end: START}}) {
        requirement { version } } }"""
DELETE = """mutation ($id: UUID!) {
    requirementDelete(id: $id, expectedVersion: 2) { requirement { id } } }"""


async def both(enter, *people):
    """Return windows of these people, live on the document."""
    windows = [await enter(person) for person in people]
    for window in windows:
        await window.open()
    for window in windows:
        await window.is_live()
    return windows


async def test_what_one_writes_the_other_sees_with_their_name(enter, world):
    one, other = await both(enter, "editor", "owner")
    await one.type("name", "The ferry stops within 40 m.")
    tag = other.cell("name").locator(".tag")
    await expect(tag).to_have_text(f"editor {world.name}", timeout=SECONDS)
    await other.shows("name", "The ferry stops within 40 m.")
    await one.shows("name", "The ferry stops within 40 m.")
    await expect(one.cell("name").locator(".tag")).to_have_count(0)  # it knows its own

    await other.cell("status").focus()
    await other.page.keyboard.press("Enter")
    await other.cell("status").locator("select").select_option(label="In review")
    tag = one.cell("status").locator(".tag")
    await expect(tag).to_have_text(f"owner {world.name}", timeout=SECONDS)
    await one.shows("status", "In review")
    assert [record["version"] for record in await world.records(world.requirement)] == [2, 3]


async def test_rows_come_go_and_move_where_others_put_them(enter, world):
    (one,) = await both(enter, "viewer")
    names = one.page.locator(".requirement [data-field=name] .value")
    made = await world.ask("editor", CREATE, document=world.document, block=world.block)
    id = made["requirement"]["id"]
    tag = one.page.locator(".tag")
    await expect(tag).to_have_text(f"editor {world.name}", timeout=SECONDS)
    await expect(names).to_have_text([f"Requirement {world.name}", "Made elsewhere"])
    await world.ask("editor", FIRST, id=id, block=world.block)
    await expect(names).to_have_text(["Made elsewhere", f"Requirement {world.name}"])
    await world.ask("editor", DELETE, id=id)
    await expect(names).to_have_text([f"Requirement {world.name}"])


async def test_lines_of_both_are_merged_and_what_overlaps_is_asked(enter, world):
    await world.ask(
        "owner",
        UPDATE,
        id=world.requirement,
        version=1,
        input={"description": "First line\nbetween\nlast line"},
    )
    one, other = await both(enter, "editor", "owner")
    await one.cell("description").focus()
    await one.page.keyboard.press("Enter")
    await one.cell("description").locator("textarea").fill("First line\nbetween\nMine at last")
    await other.type("description", "Theirs at first\nbetween\nlast line")
    await expect(one.page.locator("#news")).to_contain_text("changed this as well", timeout=SECONDS)
    await one.page.keyboard.press("Enter")
    merged = "Theirs at first\nbetween\nMine at last"
    tag = one.cell("description").locator(".tag")
    await expect(tag).to_have_text("Merged with other changes", timeout=SECONDS)
    await one.shows("description", merged)
    await other.shows("description", merged)

    await one.cell("name").focus()
    await one.page.keyboard.press("Enter")
    await one.cell("name").locator("textarea").fill("Mine")
    await other.type("name", "Theirs")
    await other.shows("name", "Theirs")
    await expect(one.page.locator("#news")).to_contain_text("changed this as well", timeout=SECONDS)
    await one.page.keyboard.press("Enter")
    note = one.page.locator(".note")
    await expect(note).to_contain_text(f"owner {world.name} has changed this", timeout=SECONDS)
    await expect(note.locator(".text")).to_have_text(["Theirs", "Mine"])
    await one.picture("conflict")
    await note.get_by_role("button", name="Save yours").click()
    await one.shows("name", "Mine")
    await other.shows("name", "Mine")
    await expect(note).to_have_count(0)


async def test_what_was_written_in_a_row_that_is_gone_is_given_back(enter, world):
    made = await world.ask("editor", CREATE, document=world.document, block=world.block)
    id = made["requirement"]["id"]
    await world.ask("editor", UPDATE, id=id, version=1, input={"name": "To go"})
    (one,) = await both(enter, "editor")
    await one.cell("name", id).focus()
    await one.page.keyboard.press("Enter")
    await one.cell("name", id).locator("textarea").fill("A sentence of great worth")
    await world.ask("owner", DELETE, id=id)
    await expect(one.page.locator(".note")).to_contain_text("A sentence of great worth")
    await one.page.get_by_role("button", name="Discard my change").click()
    await expect(one.page.locator(".note")).to_have_count(0)
    one.complaints.expect("404")


async def test_the_document_closes_at_once_for_who_is_removed(enter, world):
    (one,) = await both(enter, "editor")
    await world.ask("owner", REMOVE, id=world.members["editor"])
    await expect(one.page.locator("main")).to_have_text(CLOSED, timeout=CLOSES)
    assert world.name not in await one.page.content()
    await one.open(uuid4())
    await expect(one.page.locator("main")).to_have_text(CLOSED, timeout=SECONDS)


async def test_a_document_of_others_is_none(enter, world, other_world):
    one = await enter("owner")
    shown = []
    for document in (other_world.document, uuid4()):
        await one.open(document)
        await expect(one.page.locator("main")).to_have_text(CLOSED, timeout=SECONDS)
        shown.append(await one.page.content())
    assert shown[0] == shown[1]


async def test_everything_is_done_by_keyboard(enter, world):
    (one,) = await both(enter, "editor")
    keyboard = one.page.keyboard
    await one.page.locator(".cell").first.focus()
    await keyboard.press("ArrowDown")
    await keyboard.press("End")
    await expect(one.cell("tests")).to_be_focused()
    await keyboard.press("Home")
    await keyboard.press("ArrowRight")
    await keyboard.type("Typed over")
    await keyboard.press("Tab")
    await expect(one.cell("description")).to_be_focused()
    await one.shows("name", "Typed over")
    await keyboard.press("Enter")
    await keyboard.type("One")
    await keyboard.press("Shift+Enter")
    await keyboard.type("two")
    await keyboard.press("Enter")
    await one.shows("description", "One\ntwo")
    await keyboard.press("F2")
    await keyboard.type("never")
    await keyboard.press("Escape")
    await one.shows("description", "One\ntwo")
    await keyboard.press("Control+Home")
    await keyboard.press("Enter")
    await keyboard.press("ControlOrMeta+a")
    await keyboard.type("Stopping")
    await keyboard.press("Enter")
    heading = one.page.get_by_role("heading", name="Stopping")
    await expect(heading).to_be_visible()
    await keyboard.press("Tab")
    await expect(one.page.locator(".cell:focus")).to_have_count(0)


async def test_who_may_only_read_changes_nothing(enter, world):
    (one,) = await both(enter, "viewer")
    await expect(one.page.get_by_text("Read only")).to_be_visible()
    await one.cell("name").dblclick()
    await expect(one.page.locator(".editor")).to_have_count(0)
    await expect(one.page.locator("#news")).to_contain_text("not change it")
