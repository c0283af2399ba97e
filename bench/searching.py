"""Search and order among many requirements of two tenants, one of them small, over HTTP.

200,000 requirements of the first, 200 of another organization; milliseconds, the median of calls.
"""

import statistics
import time
from uuid import UUID

from uuid_utils.compat import uuid7

from bench.stand import Call, Stand

ROWS, FEW = 200_000, 200
CALLS = 15

FILL = """
INSERT INTO requirements (id, organization_id, project_id, document_id, name, external_id,
    description, position, created_at)
SELECT gen_random_uuid(), $1, $2, $3, 'Requirement ' || i, 'SYS-' || i,
    'When the signal ' || (array['brake', 'door', 'horn', 'light', 'radio'])[1 + i % 5]
        || ' is given, the train shall stop within ' || i % 97 || ' m and report '
        || md5(i::text), i, now() + i * interval '1 microsecond'
FROM generate_series(1, $4) AS i
"""
SEARCH = """query ($search: String) {
    requirements(first: 20, search: $search) { nodes { id externalId } } }"""
WITHIN = """query ($search: String, $project: UUID!) {
    project(id: $project) { requirements(first: 20, search: $search) { nodes { id } } } }"""
COUNT = """query ($search: String) { requirements(first: 0, search: $search) { totalCount } }"""
ORDER = """query ($by: RequirementSort!, $project: UUID!, $after: String) {
    requirements(first: 20, after: $after, filter: {projectId: {eq: $project}},
        orderBy: [{by: $by}]) { nodes { id externalId } pageInfo { endCursor } } }"""
SEARCHES = {
    "an identifier": "SYS-123456",
    "a beginning of one": "SYS-1234",
    "a wide beginning": "SYS-1",
    "a rare word": "c4ca4238a0b923820dcc509a6f75849b",
    "a common word": "brake",
    "three words": "horn report train",
    "a word of all": "train",
    "nothing": "zebra",
}


async def measure(stand: Stand) -> None:
    """Fill the tables, query, and print the figures."""
    start = time.perf_counter()
    project = await _fill(stand, stand.organization, ROWS)
    print(f"{ROWS:,} requirements written by one statement in {time.perf_counter() - start:.0f} s")
    other = uuid7()
    await stand.superuser.execute(
        "INSERT INTO organizations (id, name, slug) VALUES ($1, 'Few', $2)",
        *(other, f"few-{other.hex}"),
    )
    await _fill(stand, other, FEW)
    await stand.superuser.execute("VACUUM ANALYZE requirements")
    for name, search in SEARCHES.items():
        page = await _median(_search(stand, SEARCH, search=search))
        within = await _median(_search(stand, WITHIN, search=search, project=str(project)))
        count = await _median(_search(stand, COUNT, search=search))
        print(
            f"  search of {name:<20}{page:8.1f} ms{within:8.1f} in the project{count:8.1f} counted"
        )
    for by in ("CREATED_AT", "NAME", "EXTERNAL_ID"):
        print(f"  page by {by:<22}{await _median(_page(stand, project, by)):8.1f} ms")


def _search(stand: Stand, query: str, **variables: str) -> Call:
    return lambda: stand.ask(query, **variables)


def _page(stand: Stand, project: UUID, by: str) -> Call:
    return lambda: stand.ask(ORDER, by=by, project=str(project))


async def _median(call: Call) -> float:
    taken = []
    for _ in range(CALLS):
        start = time.perf_counter()
        await call()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


async def _fill(stand: Stand, organization: UUID, rows: int) -> UUID:
    project, document = uuid7(), uuid7()
    run = stand.superuser.execute
    await run(
        "INSERT INTO projects (id, organization_id, name, slug) VALUES ($1, $2, 'Many', $3)",
        *(project, organization, f"many-{rows}"),
    )
    await run(
        "INSERT INTO documents (id, organization_id, project_id, name, slug)"
        " VALUES ($1, $2, $3, 'Many', $4)",
        *(document, organization, project, f"many-{rows}"),
    )
    await run(FILL, organization, project, document, rows)
    return project
