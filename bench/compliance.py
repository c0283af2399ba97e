"""The five queries of compliance, at 120,000 assessments, 360,000 links and 500 MB of results.

Rows are made by SQL: of the organization of the stand a third, of 199 others the rest. Queries go
over HTTP, one at a time; milliseconds, the median and the slowest of calls.
"""

import statistics
import time

from bench.stand import Call, Stand

ASSESSMENTS, OTHERS, FRAMEWORKS = 120_000, 199, 20
CALLS = 51
PEOPLE = """
INSERT INTO profiles (email, is_approved)
SELECT 'person' || i || '@compliance.example', true FROM generate_series(1, 1000) AS i
"""
TENANTS = """
INSERT INTO organizations (name, slug, owner_id, billing_plan)
SELECT 'Team ' || i, 'team-' || i, $2, 'business' FROM generate_series(1, $1) AS i
"""
MEMBERS = """
INSERT INTO organization_members (organization_id, user_id, role)
SELECT o.id, p.id, 'member' FROM organizations AS o
JOIN LATERAL (SELECT id FROM profiles ORDER BY md5(id::text || o.id::text) LIMIT 5) AS p ON true
ON CONFLICT DO NOTHING
"""
CATALOGUE = """
WITH made AS (
    INSERT INTO frameworks (code, name, definition)
    SELECT 'F' || i, 'Framework ' || i, jsonb_build_object('requirements', (
        SELECT jsonb_agg(jsonb_build_object('id', 'R' || n, 'title', 'Title', 'text',
            repeat('Requirement. ', 20))) FROM generate_series(1, 60) AS n))
    FROM generate_series(1, $1) AS i RETURNING id, name, definition
)
INSERT INTO framework_revisions (framework_id, revision, name, definition)
SELECT id, 1, name, definition FROM made
"""
DOCUMENTS = """
INSERT INTO compliance_documents (organization_id, user_id, name, media_type, size, status, sha256,
    created_at)
SELECT m.organization_id, m.user_id, 'Policy ' || i || '.pdf', 'application/pdf', 2500000, 'ready',
    sha256(i::text::bytea), now() - random() * interval '365 days'
FROM generate_series(1, 20000) AS i
JOIN LATERAL (
    SELECT organization_id, user_id FROM organization_members
    WHERE (organization_id = $1) = (i % 3 = 0) ORDER BY md5(id::text || i::text) LIMIT 1
) AS m ON true
"""
RUNS = """
INSERT INTO assessments (organization_id, user_id, compliance_document_id, document_name, status,
    results, score, created_at, started_at, completed_at, duration_ms)
SELECT d.organization_id, d.user_id, d.id, d.name,
    CASE WHEN n % 1000 = 0 THEN 'pending' ELSE 'completed' END::assessment_status,
    CASE WHEN n % 1000 = 0 THEN '{}' ELSE jsonb_build_object('summary', 'S', 'findings',
        jsonb_build_array((SELECT string_agg(md5(n::text || i::text), '') FROM
            generate_series(1, 125) AS i))) END,
    0.5, d.created_at + n % 6 * interval '1 minute', finished, finished, 1000
FROM (SELECT *, row_number() OVER () AS r FROM compliance_documents) AS d
JOIN LATERAL (
    SELECT d.r * 6 + j AS n, CASE WHEN (d.r * 6 + j) % 1000 <> 0 THEN d.created_at END AS finished
    FROM generate_series(0, 5) AS j
) AS each ON true
"""
LINKS = """
INSERT INTO assessment_frameworks (organization_id, assessment_id, framework_id, revision_id,
    framework_revision)
SELECT a.organization_id, a.id, r.framework_id, r.id, 1
FROM (SELECT *, row_number() OVER () AS n FROM assessments) AS a
JOIN (SELECT *, row_number() OVER () AS k FROM framework_revisions) AS r
    ON r.k - 1 IN (a.n % 20, (a.n + 7) % 20, (a.n + 13) % 20)
"""
USAGE = """
INSERT INTO usage_logs (organization_id, user_id, feature, quantity, unit_type, subject_id,
    billable)
SELECT organization_id, user_id, 'assessment_completed', 1, 'assessment', id, true
FROM assessments WHERE status = 'completed' LIMIT 10000
"""
SIZE = """
SELECT (SELECT count(*) FROM assessments) AS assessments,
    (SELECT count(*) FROM assessment_frameworks) AS links,
    pg_total_relation_size('assessments') / 1000000 AS megabytes
"""
RECENT = """query ($me: UUID!) { assessments(first: 20, filter: {userId: {eq: $me}}) {
    nodes { id status createdAt complianceDocument { name } } } }"""
USED = """query ($id: UUID!) { organization(id: $id) { assessmentUsage {
    billable assessments { current maximum } } } }"""
ACTIVE = """{ frameworks(first: 50, filter: {active: {eq: true}}) {
    nodes { id code name description } } }"""
ONE = """query ($id: UUID!) { assessment(id: $id) { status score complianceDocument { name }
    frameworks { nodes { framework { code } } } } }"""
CLAIM = "SELECT ctx.claim_assessments(1, interval '1 minute', NULL, 'bench', NULL)"


async def measure(stand: Stand) -> None:
    """Fill the database, ask, and print the figures."""
    run, owner = (
        stand.superuser.execute,
        await stand.superuser.fetchval(
            "SELECT owner_id FROM organizations WHERE id = $1", stand.organization
        ),
    )
    await run("SET session_replication_role = replica")  # neither triggers nor keys
    await run(PEOPLE)
    await run(TENANTS, OTHERS, owner)
    await run(MEMBERS)
    await run(CATALOGUE, FRAMEWORKS)
    await run(DOCUMENTS, stand.organization)
    await run(RUNS)
    await run(LINKS)
    await run(USAGE)
    await run("SET session_replication_role = DEFAULT")
    await run(
        "UPDATE organizations SET billing_plan = 'enterprise' WHERE id = $1", stand.organization
    )
    await run("VACUUM ANALYZE")
    size = await stand.superuser.fetchrow(SIZE)
    print("  {assessments:,} assessments, {links:,} links, {megabytes:,} MB".format(**dict(size)))
    me, one = await stand.superuser.fetchrow(
        "SELECT user_id, min(id::text) FROM assessments WHERE organization_id = $1"
        " GROUP BY user_id ORDER BY count(*) DESC LIMIT 1",
        stand.organization,
    )
    organization = str(stand.organization)
    await _show("1 my recent assessments, 20 newest", lambda: stand.ask(RECENT, me=str(me)))
    await _show("2 claim the next pending", lambda: stand.superuser.fetchval(CLAIM))
    await _show("3 billable ones of the month", lambda: stand.ask(USED, id=organization))
    await _show("4 active frameworks by name", lambda: stand.ask(ACTIVE))
    await _show("5 one with document and frameworks", lambda: stand.ask(ONE, id=one))


async def _show(name: str, call: Call) -> None:
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await call()
        times.append((time.perf_counter() - began) * 1000)
    print(f"  {name:<40}{statistics.median(times):8.1f} ms, at most {max(times):.1f} ms")
