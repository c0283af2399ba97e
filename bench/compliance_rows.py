"""The rows of compliance for measurements: of one organization a third, of others the rest.

They are made by SQL, without triggers and keys.
"""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

PEOPLE = """
INSERT INTO profiles (email, is_approved)
SELECT 'person' || i || '@compliance.example', true FROM generate_series(1, $1) AS i
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
FROM generate_series(1, $2) AS i
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
            generate_series(1, $1) AS i))) END,
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
    ON r.k - 1 IN (a.n % $1, (a.n + 7) % $1, (a.n + 13) % $1)
"""
USAGE = """
INSERT INTO usage_logs (organization_id, user_id, feature, quantity, unit_type, subject_id,
    billable)
SELECT organization_id, user_id, 'assessment_completed', 1, 'assessment', id, true
FROM assessments WHERE status = 'completed' LIMIT 10000
"""


@dataclass(frozen=True)
class Sizes:
    """The numbers of rows: six assessments of a document, with three frameworks each."""

    people: int = 1_000
    organizations: int = 199
    frameworks: int = 20
    documents: int = 20_000
    results: int = 125
    """Times 32 random characters in the results of an assessment."""


async def fill(superuser: asyncpg.Connection, organization: UUID, sizes: Sizes) -> None:
    """Write the rows, and have PostgreSQL count them. The organization has an owner."""
    run = superuser.execute
    owner = await superuser.fetchval(
        "SELECT owner_id FROM organizations WHERE id = $1", organization
    )
    await run("SET session_replication_role = replica")  # neither triggers nor keys
    await run(PEOPLE, sizes.people)
    await run(TENANTS, sizes.organizations, owner)
    await run(MEMBERS)
    await run(CATALOGUE, sizes.frameworks)
    await run(DOCUMENTS, organization, sizes.documents)
    await run(RUNS, sizes.results)
    await run(LINKS, sizes.frameworks)
    await run(USAGE)
    await run("SET session_replication_role = DEFAULT")
    await run("VACUUM ANALYZE")
