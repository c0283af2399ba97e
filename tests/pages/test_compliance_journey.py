"""A member uploads, assesses and reads a document on a phone, by the keyboard where it matters."""

import asyncio
import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Route, expect

from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY
from graph.compliance.reports.job import REPORT
from graph.platform.files import storage_of
from tests.compliance.assessing import POLICY, Assessing
from tests.compliance.uploading import Compliance
from tests.pages.conftest import PHONE
from tests.pages.looking import Looking
from tests.platform.jobs.kinds import worker

pytestmark = pytest.mark.processes

PAGES = {
    "compliance.html",
    "compliance_new.html",
    "compliance_report.html",
    "compliance_shares.html",
    "compliance_address.html",
    "shared_report.html",
}
"""The templates that are checked here."""
LONG = "Informationssicherheitsrichtlinie-der-Gesellschaft-für-Anforderungsverwaltung-" * 2
PART = 4 * 2**20
"""Bytes of the parts of an upload."""
UNLOADED = "window.same = true"
"""Marks the page, which loses the mark when it is loaded again."""


@pytest.fixture
async def assessing(world, settings) -> Assessing:
    """Return the tenant with documents, frameworks and workers."""
    return await Assessing.alone(Compliance(world, storage_of(settings), world.client))


@pytest.fixture
async def looking(browser, address, world, settings) -> AsyncIterator[Looking]:
    """Yield the phone of a member who is signed in."""
    async with world.database.auth.lend(NOBODY) as lent:
        session = await start(lent, world.people["member"], Origin(None, None, None), settings)
    context = await browser.new_context(viewport=PHONE, is_mobile=True)
    cookie = {"name": "gateway", "value": session.secret, "url": address}
    await context.add_cookies([cookie])
    yield Looking(await context.new_page(), address)
    await context.close()


class Line:
    """The line to the storage, which breaks in the second part of the first two attempts."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.silent = asyncio.Event()

    async def pass_on(self, route: Route) -> None:
        found = re.search(r"/files/uploads/[^/]+/(\d+)", route.request.url)
        assert found is not None
        self.sent.append(found[1])
        match self.sent.count("2") if found[1] == "2" else 0:
            case 1:
                await route.abort()
            case 2:
                self.silent.set()  # there is no answer at all
            case _:
                await route.continue_()


async def upload(page: Page, file: object) -> None:
    """Choose a file, and send it by the keyboard."""
    await page.get_by_label("File", exact=True).set_input_files(file)  # type: ignore[arg-type]
    await page.get_by_role("button", name="Upload", exact=True).press("Enter")


async def share(looking: Looking) -> None:
    """Share the report that is shown, and look at its shares and at what its address shows."""
    page = looking.page
    await page.get_by_role("link", name="Share the report").press("Enter")
    await page.get_by_label("Name", exact=True).fill(LONG)
    await page.get_by_role("button", name="Create the share").press("Enter")
    await looking.here("compliance-address")
    shared = urlsplit(await page.locator(".key code").inner_text()).path
    await page.get_by_role("link", name="I have copied it").press("Enter")
    await page.get_by_text("Revoke", exact=True).press("Enter")
    await looking.here("compliance-shares")
    await looking.at(shared, "compliance-shared-report")


async def test_an_upload_goes_on_after_a_broken_line_and_is_refused_with_a_reason(
    looking, world, tmp_path
):
    page, line = looking.page, Line()
    home = f"/compliance?organization={world.organization}"
    await looking.at(home, "compliance-empty")
    large = tmp_path / f"{LONG[:100]}.txt"
    large.write_bytes(b"x" * (PART + 1000))
    await page.route("**/files/uploads/**", line.pass_on)
    await upload(page, large)
    await line.silent.wait()
    await expect(page.locator("#upload-state")).to_contain_text("The connection is interrupted")
    await expect(page.get_by_role("progressbar")).to_be_visible()
    await looking.at(home, "compliance-uploading")
    await upload(page, large)
    await expect(page.get_by_text("The document has been uploaded.")).to_be_visible()
    assert line.sent == ["1", "2", "2", "2"]
    await page.unroute("**/files/uploads/**")

    refusal = page.get_by_role("alert")
    huge = tmp_path / "huge.pdf"
    with huge.open("wb") as file:
        file.truncate(50_000_001)
    for refused, reason in (
        (huge, "The file is too large: at most 50 MB."),
        ({"name": "a.exe", "mimeType": "", "buffer": b"MZ"}, "A document is application/pdf"),
        ({"name": "a.pdf", "mimeType": "", "buffer": b"MZ"}, "The content is not application/pdf"),
        ({"name": "a.txt", "mimeType": "", "buffer": b""}, "The file is empty."),
    ):
        await upload(page, refused)
        await expect(refusal).to_contain_text(reason)
    await looking.here("compliance-refused")
    assert looking.faults == []


async def test_an_assessment_is_started_followed_and_read_without_reloading(
    looking, world, assessing, shown
):
    page = looking.page
    framework = await assessing.framework(description=LONG)
    home = f"/compliance?organization={world.organization}"
    await looking.at(home, "compliance")
    file = {"name": f"{LONG[:90]}.txt", "mimeType": "text/plain", "buffer": POLICY}
    await upload(page, file)
    await expect(page.get_by_text("The document has been uploaded.")).to_be_visible()
    for _ in range(2):
        await page.get_by_role("link", name=f"Assess {LONG[:90]}").press("Enter")
        await looking.here("compliance-new")
        box = page.locator(f"input[value='{framework['id']}']")
        await box.press("Space")
        await expect(box).to_be_checked()
        await page.get_by_role("button", name="Start the assessment").press("Enter")
        await expect(page.get_by_text("pending", exact=True)).to_be_visible()
        await page.evaluate(UNLOADED)
        await assessing.work()
        await expect(page.get_by_text("completed", exact=True)).to_be_visible()
        await expect(page.locator("#said")).to_contain_text("completed")
        await expect(page.get_by_text("Page 2", exact=True).first).to_be_visible()
        assert await page.evaluate("window.same")
        report = page.url
        await looking.at(home, "compliance-assessed")
    await looking.at(report, "compliance-report")
    await page.get_by_role("button", name="Write the report as CSV").press("Enter")
    await expect(page.get_by_text("The report: queued")).to_be_visible()
    await page.get_by_text("Create a task", exact=True).first.press("Enter")
    await page.get_by_label("Comment").first.fill("half a sen")
    await page.evaluate(UNLOADED)
    await worker(world.database, REPORT, storage=assessing.compliance.storage).run_due()
    written = page.get_by_role("link", name=re.compile(r"report\.csv"))
    await expect(written).to_be_visible()
    await expect(page.get_by_label("Comment").first).to_have_value("half a sen")
    assert await page.evaluate("window.same")
    async with page.expect_download() as download:
        await written.press("Enter")
    assert (await (await download.value).path()).read_bytes().startswith(b"\xef\xbb\xbfframework,")
    await page.get_by_role("link", name="Missing", exact=True).press("Enter")
    await page.get_by_text("Create a task", exact=True).first.press("Enter")
    due = page.get_by_label("Due on").first
    await due.fill("2100-01-31")
    await due.press("Enter")
    await expect(page.get_by_text("The task has been created", exact=False)).to_be_visible()
    await page.get_by_role("button", name="Compare", exact=True).press("Enter")
    await expect(page.get_by_role("region", name="Comparison")).to_contain_text("unchanged")
    await looking.here("compliance-compared")
    await share(looking)
    await looking.at(home, "compliance-tasks")
    assert looking.faults == []
    assert PAGES - shown == set()
