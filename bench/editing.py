"""Keys on the page of a document of 2,000 rows while others edit and move rows, in Chromium.

Milliseconds from a key to the next frame, as the browser measures them (Event Timing): those of
going through cells, and of typing. Edits of others: 25 a second, every second one a move. And the
milliseconds from the address to the first row on the screen, and to the last one in the table.
"""

import asyncio
import itertools
import shutil
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from playwright.async_api import Page, async_playwright

from auth.credentials.browser_sessions import start
from auth.origin import Origin
from bench.stand import Stand
from db.pool import NOBODY, Database
from graph.settings import Settings

BLOCKS, ROWS = 40, 50
RATE, KEYS = 25, 150
OPENINGS = 5
SHORTEST = 16
"""Milliseconds below which a browser reports no event: a frame."""
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

RENAME = """mutation ($id: UUID!, $version: BigInt!, $name: String!) {
  requirementUpdate(id: $id, expectedVersion: $version, input: { name: $name }) {
    requirement { version } } }"""
MOVE = """mutation ($id: UUID!, $version: BigInt!, $end: OrderEnd!) {
  requirementMove(id: $id, expectedVersion: $version, placeAt: { at: { end: $end } }) {
    requirement { version } } }"""
WATCH = f"""() => {{
  window.keys = [];
  new PerformanceObserver((list) => {{
    for (const entry of list.getEntries())
      if (entry.name === 'keydown') window.keys.push(entry.duration);
  }}).observe({{ type: 'event', durationThreshold: {SHORTEST}, buffered: false }});
}}"""

UNTIL = """(count) => new Promise((resolve) => {
  const look = () =>
    document.querySelectorAll('.requirement').length >= count
      ? requestAnimationFrame(() => resolve(performance.now()))
      : setTimeout(look, 1);
  look();
})"""
"""Resolves with the time since navigation when that many rows are in the next frame."""


async def measure(stand: Stand) -> None:
    """Fill a document, open its page, and press keys with and without edits of others."""
    project = await stand.project(0, 0, 0)
    document = await stand.document(project, 0, BLOCKS, ROWS)
    await stand.superuser.execute("ANALYZE")
    async with _page(stand) as page:
        print(f"{BLOCKS * ROWS:,} rows; milliseconds from the address to rows on the screen")
        await _open(page, f"{stand.address}/live/{document}")
        await page.evaluate(WATCH)
        print("a key to the screen, milliseconds")
        await _report(page, "alone")
        editing = asyncio.create_task(_edit(stand, document))
        try:
            await _report(page, f"beside {RATE} edits and moves a second")
        finally:
            editing.cancel()
            with suppress(asyncio.CancelledError):
                await editing


async def _open(page: Page, address: str) -> None:
    """Open the page several times, and report the medians; the page stays open."""
    firsts, alls = [], []
    for _ in range(OPENINGS):
        await page.goto(address, wait_until="commit")
        firsts.append(await page.evaluate(UNTIL, 1))
        alls.append(await page.evaluate(UNTIL, BLOCKS * ROWS))
    print(f"  first row {statistics.median(firsts):6.0f}  all rows {statistics.median(alls):6.0f}")


async def _report(page: Page, title: str) -> None:
    row = page.locator(".requirement").nth(BLOCKS * ROWS // 2).locator("[data-field=name]")
    for what, keys in (
        ("through cells", ["ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft"]),
        ("typing", ["a", "b", "c", " "]),
    ):
        await row.focus()
        if what == "typing":
            await page.keyboard.press("Enter")
        await page.evaluate("() => { window.keys = []; }")
        for key in itertools.islice(itertools.cycle(keys), KEYS):
            await page.keyboard.press(key)
        await page.wait_for_timeout(500)  # until the last key is reported
        print(f"  {what:<14} {title:<36} {_figures(await page.evaluate('window.keys'))}")
        await page.keyboard.press("Escape")


def _figures(reported: Sequence[float]) -> str:
    """Return median, percentiles and longest; keys below a frame are not reported."""
    taken = sorted([*reported, *[float(SHORTEST)] * max(0, KEYS - len(reported))])
    middle, most = statistics.median(taken), taken[-1]
    p95, p99 = (taken[int(len(taken) * part) - 1] for part in (0.95, 0.99))
    return f"p50 {middle:4.0f}  p95 {p95:4.0f}  p99 {p99:4.0f}  max {most:4.0f}"


async def _edit(stand: Stand, document: UUID) -> None:
    """Rename and move rows of the document in turn, at the rate, until cancelled."""
    rows = await stand.superuser.fetch(
        "SELECT id, version FROM requirements WHERE document_id = $1 ORDER BY position", document
    )
    versions = {row["id"]: row["version"] for row in rows}
    for number, id in enumerate(itertools.cycle(list(versions))):
        sent = {"id": str(id), "version": versions[id]}
        started = asyncio.get_running_loop().time()
        if number % 2:
            await stand.ask(MOVE, **sent, end="START" if number % 4 == 1 else "END")
        else:
            await stand.ask(RENAME, **sent, name=f"Renamed {number}")
        versions[id] += 1
        rest = 1 / RATE - (asyncio.get_running_loop().time() - started)
        await asyncio.sleep(max(0.0, rest))


@asynccontextmanager
async def _page(stand: Stand) -> AsyncIterator[Page]:
    """Yield a page of a browser in which the owner of the organization is signed in."""
    owner = await stand.superuser.fetchval(
        "SELECT user_id FROM organization_members WHERE organization_id = $1", stand.organization
    )
    settings = Settings()
    async with Database(stand.dsn) as database, database.auth.lend(NOBODY) as lent:
        session = await start(lent, owner, Origin(None, None, None), settings)
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=FLAGS)
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        cookie = {"name": "gateway", "value": session.secret, "url": stand.address}
        await context.add_cookies([{**cookie, "httpOnly": True}])  # type: ignore[typeddict-item]
        yield await context.new_page()
        await browser.close()
