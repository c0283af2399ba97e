"""The page as axe-core judges it (WCAG 2.2, AA), on a wide screen and on a narrow phone."""

import pytest
from playwright.async_api import expect

from tests.editor.conftest import LOST, SECONDS
from tests.editor.test_together import UPDATE
from tests.pages.conftest import PHONE
from tests.pages.looking import Looking

pytestmark = pytest.mark.processes

WIDE = {"width": 1280, "height": 800}


@pytest.mark.parametrize("screen", [PHONE, WIDE], ids=["phone", "wide"])
async def test_the_page_can_be_read_and_used_by_everybody(enter, world, gateway, screen):
    values = {"status": "REJECTED", "priority": "HIGH", "description": "A sentence " * 30}
    await world.ask("owner", UPDATE, id=world.requirement, version=1, input=values)
    one = await enter("editor", viewport=screen, is_mobile=screen is PHONE)
    looking = Looking(one.page, gateway.url)
    await one.open()
    await one.is_live()
    await looking.here(f"document-{screen['width']}")
    await one.cell("name").focus()
    await one.page.keyboard.press("Enter")
    await one.cell("name").locator("textarea").fill("Mine")
    await looking.here(f"document-editing-{screen['width']}")
    await world.ask("owner", UPDATE, id=world.requirement, version=2, input={"name": "Theirs"})
    await expect(one.cell("name").locator(".hint")).to_be_visible(timeout=SECONDS)
    await one.page.keyboard.press("Enter")
    await expect(one.page.locator(".note")).to_be_visible(timeout=SECONDS)
    await expect(one.page.locator(".tag")).to_have_count(0)
    await looking.here(f"document-conflict-{screen['width']}")
    gateway.network.cut()
    await expect(one.page.locator("#bar")).to_be_visible(timeout=SECONDS)
    await looking.here(f"document-offline-{screen['width']}")
    gateway.network.mend()
    one.complaints.expect(LOST)
    assert looking.faults == []
