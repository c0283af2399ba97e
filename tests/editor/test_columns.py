"""Typed properties as columns, counts of links and tests, the filter, and the details of a row."""

import re

import pytest
from playwright.async_api import expect

from tests.editor.conftest import SECONDS
from tests.editor.test_together import CREATE, UPDATE, both
from tests.pages.conftest import PHONE
from tests.pages.looking import Looking

pytestmark = pytest.mark.processes

DEFINE = """mutation ($project: UUID!, $name: String!, $type: PropertyType!,
        $options: PropertyOptionsInput) {
    propertyCreate(input: {projectId: $project, name: $name, propertyType: $type,
        options: $options}) { property { id key } } }"""
COLUMN = """mutation ($block: UUID!, $property: UUID!, $width: Int, $pinned: Boolean) {
    columnCreate(input: {blockId: $block, propertyId: $property, width: $width,
        isPinned: $pinned}) { column { id } } }"""
LINK = """mutation ($source: UUID!, $target: UUID!) {
    traceLinkCreate(input: {sourceId: $source, linkType: REFINES, targetId: $target}) {
        traceLink { id } } }"""
TEST = """mutation ($project: UUID!) {
    testCaseCreate(input: {projectId: $project, title: "Brake test"}) { testCase { id } } }"""
RUN = """mutation ($requirement: UUID!, $test: UUID!, $status: ExecutionStatus!) {
    executionRecord(input: {requirementId: $requirement, testCaseId: $test,
        executionStatus: $status}) { testExecution { id } } }"""
FIELDS = ["Description", "Status", "Priority", "Level"]
COUNTS = ["Links", "Tests"]
PROPERTIES = {
    "Effort": ("NUMBER", {"maximum": 100}),
    "Safe": ("BOOLEAN", None),
    "Due": ("DATE", None),
    "Method": ("SELECT", {"choices": [{"label": "Test"}, {"label": "Review"}]}),
    "Teams": ("MULTI_SELECT", {"choices": [{"label": "Bow"}, {"label": "Stern"}]}),
    "Owner": ("USER", None),
    "Stage": ("TEXT", None),
}


@pytest.fixture
async def columns(world):
    """Define a property of each type, all but one of them columns of the block."""
    for name, (type, options) in PROPERTIES.items():
        given = {"project": world.project, "name": name, "type": type, "options": options}
        made = (await world.ask("owner", DEFINE, **given))["property"]
        if name != "Owner":
            layout = {"width": 240, "pinned": True} if name == "Stage" else {}
            await world.ask("owner", COLUMN, block=world.block, property=made["id"], **layout)


async def _fill_in(window, note, effort, safe, due, method):
    """Enter values by the keyboard, the first once too large."""
    keyboard = window.page.keyboard
    await window.cell(effort).focus()
    await keyboard.press("5")
    await keyboard.type("00")
    await keyboard.press("Enter")
    await expect(note).to_contain_text("100", timeout=SECONDS)
    await note.get_by_role("button", name="Edit yours").click()
    await window.cell(effort).locator("input").fill("12.5")
    await keyboard.press("Tab")
    await expect(window.cell(safe)).to_be_focused()
    await keyboard.press("Enter")
    await window.shows(safe, "Yes")
    await keyboard.press("ArrowRight")
    await keyboard.press("Enter")
    await window.cell(due).locator("input").fill("2026-12-24")
    await keyboard.press("Enter")
    await keyboard.press("ArrowRight")
    await keyboard.press("Enter")
    await window.cell(method).locator("select").select_option(label="Review")
    for key in ("ArrowRight", "Enter", "Space", "ArrowDown", "Space", "Enter"):
        await keyboard.press(key)


async def test_values_are_edited_by_their_types_and_found(enter, world, columns):
    one, other = await both(enter, "editor", "owner")
    keyboard = one.page.keyboard
    heads = one.page.get_by_role("columnheader")
    shown = ["Effort", "Safe", "Due", "Method", "Teams"]
    await expect(heads).to_have_text(["ID", "Stage", "Requirement", *FIELDS, *shown, *COUNTS])
    keys = [
        re.sub("properties.", "", key)
        for key in await heads.evaluate_all(
            "all => all.map(one => one.dataset.field).filter(one => one.startsWith('properties.'))"
        )
    ]
    stage, effort, safe, due, method, teams = (f'"properties.{key}"' for key in keys)

    pinned = one.cell(stage)
    assert (await pinned.bounding_box())["width"] == pytest.approx(240, abs=1)
    await one.page.set_viewport_size({"width": 1000, "height": 800})
    await one.page.evaluate("scrollTo(document.documentElement.scrollWidth, 0)")
    for column, left in (("externalId", 0), (stage, 96)):
        box = await one.cell(column).bounding_box()
        assert box["x"] == pytest.approx(left, abs=1)
    await one.page.set_viewport_size({"width": 1280, "height": 800})

    note = one.page.locator(".note")
    await _fill_in(one, note, effort, safe, due, method)
    for key, text in (
        (effort, "12.5"),
        (safe, "Yes"),
        (due, "2026-12-24"),
        (method, "Review"),
        (teams, "Bow, Stern"),
    ):
        await one.shows(key, text)
        await other.shows(key, text)
    await expect(note).to_have_count(0)
    await one.cell(due).focus()
    await keyboard.press("Delete")
    await other.shows(due, "")
    await keyboard.press("Control+z")
    await other.shows(due, "2026-12-24")

    await other.page.get_by_text("Columns", exact=True).click()
    await other.page.get_by_role("checkbox", name="Effort").uncheck()
    await other.page.get_by_role("checkbox", name="Owner").check()
    await expect(other.page.get_by_role("columnheader")).to_have_text(
        ["ID", "Stage", "Requirement", *FIELDS, *shown[1:], "Owner", *COUNTS]
    )
    owner = other.page.locator(f"#row-{world.requirement} > .cell").nth(11)
    await other.picture("columns")
    await owner.focus()
    await other.page.keyboard.press("Enter")
    await owner.locator("select").select_option(label=f"viewer {world.name}")
    await other.page.keyboard.press("Enter")
    await expect(owner.locator(".value")).to_have_text(f"viewer {world.name}", timeout=SECONDS)
    assert one.complaints.unexpected == []


async def test_rows_are_found_by_text_status_and_property_and_stay_in_the_address(
    enter, world, columns, gateway
):
    for name, status, effort in (("Stops", "DRAFT", 3), ("Halts", "APPROVED", 8)):
        made = await world.ask("editor", CREATE, document=world.document, block=world.block)
        values = {"name": name, "status": status, "properties": {"Effort": effort}}
        await world.ask("editor", UPDATE, id=made["requirement"]["id"], version=1, input=values)
    one = await enter("editor", viewport=PHONE, is_mobile=True)
    looking = Looking(one.page, gateway.url)
    page, names = one.page, one.page.locator(".requirement [data-field=name] .value")
    await one.open()
    await one.is_live()
    await expect(names).to_have_count(3)
    await page.get_by_label("Search requirements").fill("s TOP")
    await expect(names).to_have_text(["Stops"])
    await expect(page.locator(".count")).to_have_text("1 of 3")
    await page.get_by_label("Search requirements").fill("")
    await page.get_by_text("Columns", exact=True).click()
    await one.cell('"properties.Teams"').focus()
    await page.keyboard.press("Enter")
    await looking.here("document-choices")
    await page.keyboard.press("Escape")
    await page.get_by_text("Columns", exact=True).click()
    await page.get_by_text("Filter", exact=True).click()
    await looking.here("document-filter")
    await page.get_by_label("Property").select_option("Effort")
    await page.get_by_label("Value").fill("5")
    await expect(names).to_have_text(["Halts"])
    await page.get_by_label("Status").select_option("Draft")
    await expect(names).to_have_count(0)
    await page.get_by_label("Value").fill("2")
    await expect(names).to_have_text(["Stops"])
    await page.reload()
    await one.is_live()
    await expect(names).to_have_text(["Stops"])

    id = (await names.locator("xpath=../..").get_attribute("id")).removeprefix("row-")
    await world.ask("owner", UPDATE, id=id, version=2, input={"status": "APPROVED"})
    await expect(names).to_have_count(0, timeout=SECONDS)
    await page.goto(f"{gateway.url}/live/{world.document}?status=DRAFT#requirement={id}")
    await page.reload()
    await expect(page.locator(f"#row-{id} [data-field=name]")).to_be_focused(timeout=SECONDS)
    assert looking.faults == []


async def test_links_tests_and_history_of_a_row_are_in_its_details(enter, world, gateway):
    made = await world.ask("editor", CREATE, document=world.document, block=world.block)
    target = made["requirement"]["id"]
    await world.ask("editor", UPDATE, id=world.requirement, version=1, input={"name": "One two"})
    await world.ask("editor", UPDATE, id=world.requirement, version=2, input={"name": "One three"})
    (one,) = await both(enter, "editor")
    page, looking = one.page, Looking(one.page, gateway.url)
    await world.ask("editor", LINK, source=world.requirement, target=target)
    test = (await world.ask("editor", TEST, project=world.project))["testCase"]
    await world.ask("editor", RUN, requirement=world.requirement, test=test["id"], status="FAIL")
    await one.shows("links", "1")
    await one.shows("tests", "0/1 · failing")
    await world.ask("owner", UPDATE, id=target, version=1, input={"description": "Other content"})
    await one.shows("links", "1 · 1 suspect")

    await one.cell("links").focus()
    await page.keyboard.press("Enter")
    details = page.get_by_role("complementary", name="Details")
    await expect(details.get_by_role("heading", level=2)).to_be_focused()
    await expect(details).to_contain_text("Refines", timeout=SECONDS)
    await expect(details).to_contain_text("Other content")
    await expect(details).to_contain_text("Brake test")
    await expect(details.locator("ins")).to_contain_text(["three"])
    await looking.here("document-details")
    await details.get_by_role("button", name="Confirm the link to Made elsewhere").click()
    await expect(details.get_by_text("Suspect")).to_have_count(0, timeout=SECONDS)
    await one.shows("links", "1")
    await details.get_by_role("button", name="Restore version 2").click()
    await one.shows("name", "One two")
    await expect(details).to_contain_text("went back to version 2", timeout=SECONDS)
    await details.get_by_role("link", name="Made elsewhere").click()
    await expect(one.cell("name", target)).to_be_focused()
    await details.get_by_role("heading", level=2).focus()
    await page.keyboard.press("Escape")
    await expect(details).to_be_hidden()
    await expect(one.cell("links")).to_be_focused()
    await page.keyboard.press("Control+z")
    await one.shows("name", "One three")

    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Link", exact=True).click()
    await expect(page.locator("#toast")).to_have_text("Link copied.")
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{gateway.url}/live/{world.document}#requirement={world.requirement}"
    await page.set_viewport_size(PHONE)
    await page.get_by_role("button", name="Details").click()
    await expect(details).to_contain_text("Brake test", timeout=SECONDS)
    await looking.here("document-details-360")
    assert looking.faults == []
