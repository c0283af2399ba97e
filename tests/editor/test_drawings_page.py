"""Drawings on the page of a document: beside a requirement, and those of the project."""

import pytest
from playwright.async_api import expect

from tests.editor.conftest import SECONDS
from tests.pages.conftest import PHONE
from tests.pages.looking import Looking
from tests.requirements.drawing import box, draw, edge, flow, link_element, node, patch

pytestmark = pytest.mark.processes

WIDE = {"width": 1280, "height": 800}


@pytest.fixture
async def drawing(world):
    """Return a drawing of two boxes, of which one stands for the requirement, and a diagram."""
    text = box("3", type="text", text="<b>Pedal</b>", y=90, height=20)
    drawing = await draw(world, box("1"), box("2", x=200), text, name="Brake system")
    await link_element(world, drawing["id"], "1")
    await link_element(world, drawing["id"], "3")
    nodes = [node("a"), node("b", position={"x": 250, "y": 0})]
    await flow(world, nodes, [edge("a", "b")], name="Data")
    return drawing


@pytest.mark.parametrize("screen", [PHONE, WIDE], ids=["phone", "wide"])
async def test_drawings_are_shown_beside_a_requirement_and_lead_back(
    enter, world, gateway, drawing, screen
):
    one = await enter("editor", viewport=screen, is_mobile=screen is PHONE)
    looking = Looking(one.page, gateway.url)
    await one.open()
    await one.is_live()
    await one.cell("name").focus()
    await one.page.keyboard.press("Alt+Enter")
    details = one.page.get_by_role("complementary", name="Details")
    picture = details.locator(".picture svg")
    await expect(picture).to_be_visible(timeout=SECONDS)
    await expect(picture.locator(".marked")).to_have_count(2)
    await expect(details.locator("li", has_text="<b>Pedal</b>")).to_be_visible()
    await looking.here(f"document-drawing-{screen['width']}")

    await details.get_by_role("button", name="Open the drawing Brake system").focus()
    await one.page.keyboard.press("Enter")
    drawer = one.page.get_by_role("complementary", name="Drawings")
    await expect(drawer.get_by_role("heading", name="Brake system")).to_be_focused(timeout=SECONDS)
    await expect(details).to_be_hidden()
    link = drawer.get_by_role("link").first
    await expect(link).to_have_text(f"Requirement {world.name}", timeout=SECONDS)
    await link.focus()
    await expect(drawer.locator(".picture .pointed")).to_have_count(1)
    await looking.here(f"drawing-{screen['width']}")
    await one.page.keyboard.press("Enter")
    await expect(drawer).to_be_hidden()
    await expect(one.page.locator(f"#row-{world.requirement} .cell:focus")).to_have_count(
        1, timeout=SECONDS
    )

    await one.page.get_by_role("toolbar").get_by_role("button", name="Drawings").click()
    await expect(drawer.get_by_role("heading", name="Drawings (2)")).to_be_visible(timeout=SECONDS)
    await drawer.get_by_role("button", name="Data").click()
    await expect(drawer.locator(".picture [data-element=a-b]")).to_have_count(1, timeout=SECONDS)
    await drawer.get_by_role("button", name="All drawings").click()
    await drawer.get_by_role("button", name="Brake system").click()
    await drawer.locator(".picture [data-element='1']").click(timeout=SECONDS)
    await expect(drawer).to_be_hidden()
    assert looking.faults == []


async def test_a_drawing_that_others_change_is_drawn_again(enter, world, drawing):
    one = await enter("viewer")
    await one.open()
    await one.is_live()
    await one.page.get_by_role("toolbar").get_by_role("button", name="Drawings").click()
    drawer = one.page.get_by_role("complementary", name="Drawings")
    await drawer.get_by_role("button", name="Brake system").click()
    await expect(drawer.locator(".picture [data-element='2']")).to_have_count(1, timeout=SECONDS)
    await patch(world, drawing["id"], box("9", y=200), removed=["2", "3"])
    await expect(drawer.locator(".picture [data-element='9']")).to_have_count(1, timeout=SECONDS)
    await expect(drawer.locator(".picture [data-element='2']")).to_have_count(0)
    await expect(drawer.locator(".pill")).to_have_text("Broken")
    await one.page.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()
