"""Statistics, summaries and numbers: 10,000 requirements in ten documents of a project, over HTTP.

Milliseconds, the median of calls, one at a time. Creations are from 8 clients, each in a document
of its own.
"""

import asyncio
import statistics
import time
from uuid import UUID

from bench.stand import Call, Stand

DOCUMENTS, BLOCKS, EACH = 10, 10, 100
CALLS = 21
CLIENTS, CREATIONS = 8, 25

VARY = """
UPDATE requirements SET
    status = (enum_range(NULL::requirement_status))[1 + n % 8],
    priority = (enum_range(NULL::requirement_priority))[1 + n % 5],
    level = (enum_range(NULL::requirement_level))[1 + n % 6],
    tags = ARRAY['tag ' || n % 40, 'tag ' || n % 7],
    properties = jsonb_build_object('method', (array['test', 'review', 'analysis'])[1 + n % 3]),
    created_at = now() - n % 365 * interval '1 day'
FROM (SELECT id AS of, row_number() OVER () AS n FROM requirements WHERE project_id = $1) AS r
WHERE id = r.of
"""
QUESTIONS = {
    "status": "[{by: STATUS}]",
    "status, priority and level": "[{by: STATUS}, {by: PRIORITY}, {by: LEVEL}]",
    "tag": "[{by: TAG}]",
    "a property": '[{by: PROPERTY, property: "method"}]',
    "day and status": "[{by: CREATED_DAY}, {by: STATUS}]",
    "document": "[{by: DOCUMENT}]",
}
STATISTICS = """query ($id: UUID!) { %s(id: $id) { requirementStatistics(groupBy: %s) {
    totalCount groups(first: 500) { keys { value } count isOther } } } }"""
SUMMARIES = """query ($id: UUID!) { project(id: $id) { summaries {
    nodes { name blockCount requirementCount updatedAt } } } }"""
RULE = """mutation ($id: UUID!) { numberingRuleCreate(input: {projectId: $id, prefix: "SYS-"}) {
    numberingRule { id } } }"""
CREATE = """mutation ($id: UUID!) { requirementCreate(input: {documentId: $id, name: "New"}) {
    requirement { id externalId } } }"""
MANY = """mutation ($items: [RequirementCreateInput!]!) { requirementsCreate(items: $items) {
    succeeded } }"""


async def measure(stand: Stand) -> None:
    """Fill a project, ask, create, and print the figures."""
    project = await stand.project(DOCUMENTS, BLOCKS, EACH)
    await stand.superuser.execute(VARY, project)
    await stand.superuser.execute("VACUUM ANALYZE requirements")
    for place, id in (("project", project), ("organization", stand.organization)):
        for name, by in QUESTIONS.items():
            took = await _median(_ask(stand, STATISTICS % (place, by), id))
            print(f"  {place:<13} by {name:<28}{took:8.1f} ms")
    took = await _median(_ask(stand, SUMMARIES, project))
    print(f"  summaries of {DOCUMENTS} documents{took:23.1f} ms")
    documents = await stand.superuser.fetch(
        "SELECT id FROM documents WHERE project_id = $1", project
    )
    ids = [row["id"] for row in documents][:CLIENTS]
    for numbered in (False, True):
        if numbered:
            await stand.ask(RULE, id=str(project))
        call = _ask(stand, CREATE, ids[0])
        statements = await stand.statements(call)
        rate = await _rate(stand, ids)
        items = [{"documentId": str(ids[0]), "name": f"N{n}"} for n in range(500)]
        many = await _median(lambda items=items: stand.ask(MANY, items=items), 5)  # type: ignore[misc]
        print(
            f"  creations {'with numbers' if numbered else 'without':<14}{rate:8.0f} a second,"
            f" {statements} statements each, 500 at once in {many:.0f} ms"
        )


def _ask(stand: Stand, query: str, id: UUID) -> Call:
    return lambda: stand.ask(query, id=str(id))


async def _median(call: Call, calls: int = CALLS) -> float:
    taken = []
    for _ in range(calls):
        start = time.perf_counter()
        await call()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


async def _rate(stand: Stand, documents: list[UUID]) -> float:
    """Return the creations a second of one client in each document."""

    async def client(document: UUID) -> None:
        for _ in range(CREATIONS):
            await stand.ask(CREATE, id=str(document))

    start = time.perf_counter()
    await asyncio.gather(*map(client, documents))
    return len(documents) * CREATIONS / (time.perf_counter() - start)
