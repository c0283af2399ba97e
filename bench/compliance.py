"""The five queries of compliance, at 120,000 assessments, 360,000 links and 500 MB of results.

Before them, the text of documents of 100 pages is extracted, in a process of its own. A third of
the rows are of the organization of the stand, the rest of 199 others. Queries go over HTTP, one at
a time, after one that is not counted; milliseconds, the median and the slowest of calls.
"""

import statistics
import time

from bench.compliance_rows import Sizes, fill
from bench.scans import scan
from bench.stand import Call, Stand
from graph.compliance.documents import PDF
from graph.compliance.extraction.child import UnreadableError
from graph.compliance.extraction.process import extract

CALLS, PAGES = 51, 100
SIZE = """
SELECT (SELECT count(*) FROM assessments) AS assessments,
    (SELECT count(*) FROM assessment_frameworks) AS links,
    pg_total_relation_size('assessments') / 1000000 AS megabytes
"""
RECENT = """query ($me: UUID!, $id: UUID!) {
    assessments(first: 20, filter: {userId: {eq: $me}, organizationId: {eq: $id}}) {
        nodes { id status createdAt complianceDocument { name } } } }"""
EVERYWHERE = """query ($me: UUID!) { assessments(first: 20, filter: {userId: {eq: $me}}) {
    nodes { id status createdAt complianceDocument { name } } } }"""
USED = """query ($id: UUID!) { organization(id: $id) { assessmentUsage {
    billable assessments { current maximum } } } }"""
ACTIVE = """{ frameworks(first: 50, filter: {active: {eq: true}}) {
    nodes { id code name description } } }"""
ONE = """query ($id: UUID!) { assessment(id: $id) { status score complianceDocument { name }
    frameworks { nodes { framework { code } } } } }"""
CLAIM = "SELECT ctx.claim_assessments(1, interval '1 minute', NULL, 'bench', NULL)"


async def measure(stand: Stand) -> None:
    """Read documents, fill the database, ask, and print the figures."""
    await _show_reading("text", scan(PAGES, {}))
    await _show_reading("text over images", scan(PAGES, {}, images=True))
    await _show_reading("images alone", scan(PAGES, None, images=True))
    await fill(stand.superuser, stand.organization, Sizes())
    await stand.superuser.execute(
        "UPDATE organizations SET billing_plan = 'enterprise' WHERE id = $1", stand.organization
    )
    size = await stand.superuser.fetchrow(SIZE)
    print("  {assessments:,} assessments, {links:,} links, {megabytes:,} MB".format(**dict(size)))
    me, one = await stand.superuser.fetchrow(
        "SELECT user_id, min(id::text) FROM assessments WHERE organization_id = $1"
        " GROUP BY user_id ORDER BY count(*) DESC LIMIT 1",
        stand.organization,
    )
    organization = str(stand.organization)
    mine = {"me": str(me), "id": organization}
    await _show("1 my recent assessments, 20 newest", lambda: stand.ask(RECENT, **mine))
    await _show("1 the same in all organizations", lambda: stand.ask(EVERYWHERE, me=str(me)))
    await _show("2 claim the next pending", lambda: stand.superuser.fetchval(CLAIM))
    await _show("3 billable ones of the month", lambda: stand.ask(USED, id=organization))
    await _show("4 active frameworks by name", lambda: stand.ask(ACTIVE))
    await _show("5 one with document and frameworks", lambda: stand.ask(ONE, id=one))


async def _show_reading(name: str, content: bytes) -> None:
    began = time.perf_counter()
    try:
        told = f"{sum(map(len, await extract(PDF, content))):,} characters"
    except UnreadableError as error:
        told = str(error)
    took = time.perf_counter() - began
    size = len(content) / 1_000_000
    print(f"  {PAGES} pages of {name:<27}{took:8.2f} s, {size:.1f} MB: {told}")


async def _show(name: str, call: Call) -> None:
    await call()  # it is compiled, and read from the disk
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await call()
        times.append((time.perf_counter() - began) * 1000)
    print(f"  {name:<40}{statistics.median(times):8.1f} ms, at most {max(times):.1f} ms")
