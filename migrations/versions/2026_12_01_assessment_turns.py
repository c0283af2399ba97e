"""Assessments are claimed in turns of tenants, so that the queue of one does not delay others."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_assessment_turns"
down_revision = "2026_12_01_assessment_turns_idx"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
FIRST = "'00000000-0000-0000-0000-000000000000'::uuid"
PENDING = "a.status = 'pending' AND a.deleted_at IS NULL"
CLAIMABLE = f"""public.assessments AS a
            JOIN public.compliance_documents AS d ON d.id = a.compliance_document_id
            JOIN public.organizations AS o ON o.id = a.organization_id
            WHERE {PENDING} AND d.deleted_at IS NULL AND o.deleted_at IS NULL"""
OLDEST_FIRST = f"""
        SELECT a.* FROM {CLAIMABLE} AND (tenants IS NULL OR a.organization_id = ANY (tenants))
        ORDER BY a.created_at, a.id LIMIT most FOR UPDATE OF a SKIP LOCKED"""  # noqa: S608 (ours)
# The tenant that was served last ends the round. It is looked for among the last 1,000 starts: a
# worker for few tenants would otherwise read all starts of the others.
LAST = """
    SELECT s.organization_id INTO after FROM (
        SELECT a.organization_id, a.started_at FROM public.assessments AS a
        WHERE a.started_at IS NOT NULL ORDER BY a.started_at DESC LIMIT 1000) AS s
    WHERE tenants IS NULL OR s.organization_id = ANY (tenants)
    ORDER BY s.started_at DESC LIMIT 1;"""
# One assessment of each tenant in turn, beginning behind `after`; of all tenants, at most 32 are
# looked at before the end of the round and 32 after it. What is still free goes to the oldest ones.
# The range of one tenant, in place of an equality, has only the index by tenant give the order.
IN_TURNS = f"""
        WITH RECURSIVE waiting (round, id, number) AS (
            SELECT r.number, n.id, 1
            FROM (VALUES (1, coalesce(after, {FIRST})), (2, {FIRST})) AS r (number, start)
            CROSS JOIN LATERAL (
                SELECT a.organization_id AS id FROM public.assessments AS a
                WHERE {PENDING} AND a.organization_id > r.start
                ORDER BY a.organization_id LIMIT 1) AS n
            WHERE tenants IS NULL
            UNION ALL
            SELECT w.round, n.id, w.number + 1
            FROM waiting AS w CROSS JOIN LATERAL (
                SELECT a.organization_id AS id FROM public.assessments AS a
                WHERE {PENDING} AND a.organization_id > w.id
                ORDER BY a.organization_id LIMIT 1) AS n
            WHERE w.number < 32
        ),
        tenant AS (
            SELECT w.round, w.id FROM waiting AS w WHERE w.round = 1 OR w.id <= after
            UNION
            SELECT CASE WHEN t.id <= after THEN 2 ELSE 1 END, t.id FROM unnest(tenants) AS t (id)
        ),
        fair AS MATERIALIZED (
            SELECT j.id, t.round, t.id AS tenant
            FROM (SELECT t.round, t.id FROM tenant AS t ORDER BY t.round, t.id) AS t
            CROSS JOIN LATERAL (
                SELECT a.id FROM {CLAIMABLE} AND a.organization_id BETWEEN t.id AND t.id
                ORDER BY a.organization_id, a.created_at, a.id
                LIMIT 1 FOR UPDATE OF a SKIP LOCKED) AS j
            LIMIT most
        ),
        oldest AS MATERIALIZED (
            SELECT a.id FROM {CLAIMABLE} AND (tenants IS NULL OR a.organization_id = ANY (tenants))
                AND a.id <> ALL (ARRAY(SELECT f.id FROM fair AS f))
            ORDER BY a.created_at, a.id LIMIT most - (SELECT count(*) FROM fair)
            FOR UPDATE OF a SKIP LOCKED
        ),
        taken AS (
            SELECT f.id, f.round, f.tenant FROM fair AS f
            UNION ALL SELECT o.id, 3, NULL FROM oldest AS o
        )
        SELECT a.* FROM taken AS c JOIN public.assessments AS a ON a.id = c.id
        ORDER BY c.round, c.tenant, a.created_at, a.id"""  # noqa: S608 (ours)


def claim(last: str, chosen: str) -> str:
    """Return the function that claims the chosen assessments."""
    return f"""
CREATE OR REPLACE FUNCTION ctx.claim_assessments(most int, lease interval, claimer uuid, named text,
    tenants uuid[]) RETURNS jsonb LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    was public.assessments;
    becomes public.assessments;
    claimed jsonb := '[]';
    after uuid;
BEGIN
    PERFORM ctx.reclaim_assessments();{last}
    FOR was IN {chosen}
    LOOP
        UPDATE public.assessments AS a SET version = a.version + 1, updated_at = now(),
            updated_by = claimer, status = 'processing', started_at = now(),
            attempts = a.attempts + 1, progress = 0, results = '{{}}', claimed_by = claimer,
            worker = named, lease_id = gen_random_uuid(),
            claimed_until = clock_timestamp() + lease
        WHERE a.id = was.id RETURNING a.* INTO becomes;
        PERFORM ctx.record_assessment(was, becomes);
        claimed := claimed || (
            SELECT jsonb_build_object('id', becomes.id, 'organization_id', becomes.organization_id,
                'user_id', becomes.user_id, 'lease_id', becomes.lease_id,
                'lease_expires_at', becomes.claimed_until, 'attempt', becomes.attempts,
                'document', jsonb_build_object('id', d.id, 'name', d.name, 'size', d.size,
                    'media_type', d.media_type, 'sha256', encode(d.sha256, 'hex')),
                'frameworks', ctx.definitions_of(becomes.id))
            FROM public.compliance_documents AS d WHERE d.id = becomes.compliance_document_id);
    END LOOP;
    RETURN claimed;
END $$
"""  # noqa: S608 (ours)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(claim(LAST, IN_TURNS))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(claim("", OLDEST_FIRST))
