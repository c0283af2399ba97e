"""The test matrix of 2,000 requirements and 2,000 test cases with 50,000 executions, over HTTP.

Milliseconds, the median of calls; and the import of 800 results.
"""

import statistics
import time
from uuid import UUID

from uuid_utils.compat import uuid7

from bench.stand import Call, Stand

REQUIREMENTS, TESTS, EXECUTIONS = 2_000, 2_000, 50_000
CALLS = 15
RESULTS = 800

FILL_REQUIREMENTS = """
INSERT INTO requirements (id, organization_id, project_id, document_id, name, position, version,
    content_version, priority)
SELECT gen_random_uuid(), $1, $2, $3, 'Requirement ' || i, i, 1 + (i % 10 = 0)::int,
    1 + (i % 10 = 0)::int,
    (array['low', 'medium', 'high', 'critical'])[1 + i % 4]::requirement_priority
FROM generate_series(1, $4) AS i
"""
FILL_TESTS = """
INSERT INTO test_req (id, organization_id, project_id, test_id, title, test_type)
SELECT gen_random_uuid(), $1, $2, 'TC-' || i, 'Test ' || i,
    (array['unit', 'system', 'acceptance'])[1 + i % 3]::test_type
FROM generate_series(1, $3) AS i
"""
FILL_EXECUTIONS = """
WITH r AS (SELECT id, row_number() OVER (ORDER BY position) - 1 AS n FROM requirements
        WHERE project_id = $2),
    t AS (SELECT id, row_number() OVER (ORDER BY test_id) - 1 AS n FROM test_req
        WHERE project_id = $2)
INSERT INTO requirement_tests (organization_id, project_id, requirement_id, test_id,
    execution_status, executed_at, execution_version, requirement_version)
SELECT $1, $2, r.id, t.id,
    (array['pass', 'pass', 'pass', 'pass', 'fail', 'skip'])[1 + i % 6]::execution_status,
    now() - i * interval '1 second', '2.' || i % 5, 1
FROM generate_series(1, $3) AS i
JOIN r ON r.n = i % ($4 * 9 / 10) JOIN t ON t.n = (i * 7 + i / 3) % $5
"""
CELLS = "cells(first: 100) { status stale flaky testCase { testId title } execution { executedAt }}"
PAGE = f"""query ($project: UUID!, $after: String) {{ testMatrix(projectId: $project) {{
    rows(first: 50, after: $after) {{ nodes {{ holes requirement {{ name }} {CELLS} }}
    pageInfo {{ endCursor }} }} }} }}"""
GAPS = f"""query ($project: UUID!) {{ testMatrix(projectId: $project,
    configuration: {{ holes: [FAILING, STALE] }}) {{
    rows(first: 50) {{ totalCount nodes {{ holes requirement {{ name }} {CELLS} }} }} }} }}"""
SUMMARY = """query ($project: UUID!) { testMatrix(projectId: $project) {
    summary { requirements verified uncovered notRun failing stale flaky pairs passed } } }"""
GROUPS = """query ($project: UUID!) { testMatrix(projectId: $project,
    configuration: { groupBy: TEST_TYPE }) { groups { value counts { requirements pairs } } } }"""
IMPORT = """mutation ($input: TestResultsImportInput!) { testResultsImport(input: $input) {
    recorded created } }"""


async def measure(stand: Stand) -> None:
    """Fill the tables, query, and print the figures."""
    project = await _fill(stand)
    asked = {
        "a page of 50 rows with their cells": _ask(stand, PAGE, project),
        "a page of rows with gaps, counted": _ask(stand, GAPS, project),
        "counts of all": _ask(stand, SUMMARY, project),
        "counts by the kind of test": _ask(stand, GROUPS, project),
    }
    print(f"{REQUIREMENTS:,} requirements, {TESTS:,} test cases, {EXECUTIONS:,} executions")
    for name, call in asked.items():
        print(f"  {name:<36}{await _median(call):8.1f} ms")
    requirement = await stand.superuser.fetchval(
        "SELECT id FROM requirements WHERE project_id = $1 LIMIT 1", project
    )
    lines = (f'<testcase classname="suite" name="case {n}"/>' for n in range(RESULTS))
    input = {
        "projectId": str(project),
        "content": f"<testsuite>{''.join(lines)}</testsuite>",
        "unknownTests": "CREATE",
        "requirementId": str(requirement),
    }
    for what in ("new tests", "known tests"):
        start = time.perf_counter()
        await stand.ask(IMPORT, input=input)
        taken = (time.perf_counter() - start) * 1000
        print(f"  {f'{RESULTS} results of {what}':<36}{taken:8.1f} ms")


def _ask(stand: Stand, query: str, project: UUID) -> Call:
    return lambda: stand.ask(query, project=str(project))


async def _median(call: Call) -> float:
    taken = []
    for _ in range(CALLS):
        start = time.perf_counter()
        await call()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


async def _fill(stand: Stand) -> UUID:
    project, document = uuid7(), uuid7()
    organization, run = stand.organization, stand.superuser.execute
    await run(
        "INSERT INTO projects (id, organization_id, name, slug) VALUES ($1, $2, 'Tested', $3)",
        *(project, organization, f"tested-{project.hex}"),
    )
    await run(
        "INSERT INTO documents (id, organization_id, project_id, name, slug)"
        " VALUES ($1, $2, $3, 'Tested', 'tested')",
        *(document, organization, project),
    )
    await run(FILL_REQUIREMENTS, organization, project, document, REQUIREMENTS)
    await run(FILL_TESTS, organization, project, TESTS)
    await run(FILL_EXECUTIONS, organization, project, EXECUTIONS, REQUIREMENTS, TESTS)
    await run("VACUUM ANALYZE requirements, test_req, requirement_tests")
    return project
