"""The page where people land: what they may open, by organization, and found by its name."""

import pytest
from playwright.async_api import expect

from tests.editor.conftest import SECONDS
from tests.pages.conftest import PHONE
from tests.pages.looking import Looking

pytestmark = pytest.mark.processes

MANY = """WITH project AS (
    INSERT INTO projects (organization_id, name, slug) VALUES ($1, 'Zebra crossing', 'zebra')
    RETURNING id)
    INSERT INTO documents (organization_id, project_id, name, slug, position)
    SELECT $1, project.id, 'Volume ' || lpad(n::text, 2, '0'), 'volume-' || n, n
    FROM project, generate_series(1, 51) AS n"""


async def test_people_open_and_find_their_documents(enter, world, other_world, gateway):
    await world.superuser.execute(MANY, world.organization)
    one = await enter("viewer", viewport=PHONE, is_mobile=True)
    page, looking = one.page, Looking(one.page, gateway.url)
    await page.goto(f"{gateway.url}/")
    volumes = page.get_by_role("link", name="Volume")
    await expect(volumes).to_have_count(50, timeout=SECONDS)
    await expect(page.get_by_text(other_world.name)).to_have_count(0)
    await looking.here("home-of-a-viewer")
    await page.get_by_role("button", name="Show more").press("Enter")
    await expect(volumes).to_have_count(51, timeout=SECONDS)
    await expect(volumes.last).to_be_focused()
    plot = page.get_by_role("link", name="Coverage: Zebra crossing")
    assert (await page.request.get(f"{gateway.url}{await plot.get_attribute('href')}")).ok

    await page.get_by_label("Search").fill("VOLUME 07")
    await expect(page.locator("#found")).to_have_text("1 document, 0 projects", timeout=SECONDS)
    await looking.here("home-found")
    await page.reload()
    await expect(volumes).to_have_text(["Volume 07"], timeout=SECONDS)
    await page.get_by_label("Search").fill(other_world.name)
    await expect(page.locator("#found")).to_have_text("0 documents, 0 projects", timeout=SECONDS)
    await page.get_by_label("Search").fill("")
    document = page.locator(f'a[href="/live/{world.document}"]')
    await document.click(timeout=SECONDS)
    await one.is_live()
    assert looking.faults == []
