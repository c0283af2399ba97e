"""Trace links among 22,000 requirements: impact, cycles, coverage and the matrix, over HTTP.

Two documents of 11,000 requirements each. Every requirement is derived from another one, so that
all are reached from the first; 5,000 links besides lead anywhere, some in cycles. Milliseconds, the
median of calls in turn, and the statements of one.
"""

import statistics
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

from bench.stand import Stand

NODES, BESIDES, FAN, ROUNDS = 22_000, 5_000, 5, 7
EDITS = 2_000
FILL = """
WITH numbered AS MATERIALIZED (
    SELECT array_agg(id ORDER BY document_id, position) AS ids
    FROM requirements WHERE project_id = $2
),
pairs AS (
    SELECT n AS source, (n - 2) / $3::int + 1 AS target, 'derived_from' AS type
    FROM generate_series(2, $5::int) AS n
    UNION ALL
    SELECT i::bigint * 7919 % $5 + 1, i::bigint * 104729 % $5 + 1, 'satisfies'
    FROM generate_series(1, $4::int) AS i
)
INSERT INTO trace_links (id, organization_id, project_id, source_id, source_type, target_id,
    target_type, link_type)
SELECT gen_random_uuid(), $1::uuid, $2::uuid, ids[source], 'requirement', ids[target],
    'requirement', type::trace_link_type
FROM pairs, numbered WHERE source <> target
"""
SUSPECT = """
UPDATE requirements SET name = name || ' changed', version = version + 1
WHERE project_id = $1 AND position::int % 100 = 0
"""
EDIT = "UPDATE requirements SET name = $2, version = version + 1 WHERE id = ANY ($1)"
WITHOUT = "ALTER TABLE requirements {} TRIGGER content_version"
IMPACT = """query ($id: UUID!) { requirement(id: $id) { impact(direction: DOWNSTREAM) {
    totalCount depth counts { entityType depth count } %s } } }"""
ITEMS = (
    "items(first: 100) { nodes { depth path { entityId } node { ... on Requirement { name } } } }"
)
CYCLES = """query ($id: UUID!) { project(id: $id) { traceCycles {
    totalCount nodes { size path { entityId } } } } }"""
SUSPECTS = """query ($id: UUID!) { project(id: $id) {
    traceLinks(first: 50, filter: { suspect: { eq: true } }) { %s nodes { id
        source { changes { field } } target { changes { field } } } } } }"""
COVERAGE = """query ($id: UUID!) { project(id: $id) {
    coverage(groupBy: [{ by: LEVEL }, { by: STATUS }]) {
        totalCount coveredCount uncoveredCount suspectCount %s } } }"""
GROUPS = "groups { keys { value } count coveredCount suspectCount }"
COVERED = """query ($id: UUID!) { project(id: $id) {
    requirements(first: 50, filter: { coverage: [{ state: %s }] }) {
        totalCount nodes { name } } } }"""
TRACED = """query ($rows: UUID!, $columns: UUID!) { traceabilityMatrix(
    rows: { documentId: $rows }, columns: { documentId: $columns }) { %s } }"""
TRACES = {
    "a page of 50 rows with cells": """rows(first: 50) { nodes { linkCount requirement { name }
        cells(first: 100) { requirement { name } links { linkType outgoing suspect } } } }""",
    "rows without a link, counted": """rows(first: 50, holes: true) {
        totalCount nodes { requirement { name } } }""",
    "counts": "summary { rows columns linkedRows linkedColumns links suspects }",
}


async def measure(stand: Stand) -> None:
    """Fill, ask in turn, print."""
    project, start = await fill(stand)
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "impact, counts": partial(stand.ask, IMPACT % "", id=str(start)),
        "impact, 100 with paths": partial(stand.ask, IMPACT % ITEMS, id=str(start)),
        "cycles": partial(stand.ask, CYCLES, id=str(project)),
        "50 suspect links": partial(stand.ask, SUSPECTS % "", id=str(project)),
        "the same, and how many": partial(stand.ask, SUSPECTS % "totalCount", id=str(project)),
    }
    for state in ("COVERED", "UNCOVERED", "SUSPECT"):
        listed = partial(stand.ask, COVERED % state, id=str(project))
        calls[f"50 {state.lower()}, and how many"] = listed
    calls["coverage"] = partial(stand.ask, COVERAGE % "", id=str(project))
    calls["coverage by level and status"] = partial(stand.ask, COVERAGE % GROUPS, id=str(project))
    documents = await stand.superuser.fetch(
        "SELECT id FROM documents WHERE project_id = $1 ORDER BY position", project
    )
    sides = {"rows": str(documents[0]["id"]), "columns": str(documents[1]["id"])}
    for name, selected in TRACES.items():
        calls[f"matrix, {name}"] = partial(stand.ask, TRACED % selected, **sides)
    impact = (await calls["impact, counts"]()).json()["data"]["requirement"]["impact"]
    assert impact["totalCount"] == NODES - 1
    for name, call in calls.items():
        taken = [await _seconds(call) for _ in range(ROUNDS)]
        median, statements = statistics.median(taken), await stand.statements(call)
        print(f"{name:<38}{median * 1000:8.0f} ms{statements:4d} statements")
    await _print_edits(stand, project)


async def fill(stand: Stand) -> tuple[UUID, UUID]:
    """Create the project, its requirements and links; return it and the first requirement."""
    project = await stand.project(0, 0, 0)
    for number in range(2):
        await stand.document(project, number, 10, NODES // 20)
    arguments = (stand.organization, project, FAN, BESIDES, NODES)
    await stand.superuser.execute(FILL, *arguments)
    await stand.superuser.execute(SUSPECT, project)
    await stand.superuser.execute("VACUUM ANALYZE")
    first = "SELECT id FROM requirements WHERE project_id = $1 ORDER BY document_id, position"
    return project, await stand.superuser.fetchval(first, project)


async def _print_edits(stand: Stand, project: UUID) -> None:
    """Print what the trigger of content versions adds to an edit, with links and without it."""
    ids = "SELECT array_agg(id) FROM (SELECT id FROM requirements WHERE project_id = $1 LIMIT $2) r"
    rows = await stand.superuser.fetchval(ids, project, EDITS)
    taken: dict[str, list[float]] = {"ENABLE": [], "DISABLE": []}
    for number in range(ROUNDS):
        for state, times in taken.items():
            await stand.superuser.execute(WITHOUT.format(state))
            edit = partial(stand.superuser.execute, EDIT, rows, f"Edit {number} {state}")
            times.append(await _seconds(edit))
    await stand.superuser.execute(WITHOUT.format("ENABLE"))
    each = {state: min(times) / EDITS * 1e6 for state, times in taken.items()}
    print(
        f"an edit of content takes {each['DISABLE']:.0f} us in PostgreSQL,"
        f" {each['ENABLE']:.0f} us with its content version"
    )


async def _seconds(call: Callable[[], Awaitable[Any]]) -> float:
    start = time.perf_counter()
    await call()
    return time.perf_counter() - start
