"""Jobs are claimed in turns of tenants, so that the queue of one does not delay those of others."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_fair_claims"
down_revision = "2026_12_01_share_views"

GATEWAY = "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid"
TENANT = f"coalesce(organization_id, {GATEWAY})"
DUE = "coalesce(lease_expires_at, run_at)"
PENDING = "status IN ('queued', 'running')"
DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
LOST = """
    UPDATE public.jobs AS u SET
        status = CASE WHEN u.cancel_requested_at IS NULL THEN 'failed' ELSE 'cancelled' END
            ::public.job_status,
        error = CASE WHEN u.cancel_requested_at IS NULL THEN 'The worker was lost.' END,
        finished_at = now(), lease_id = NULL, lease_expires_at = NULL, version = u.version + 1,
        updated_at = now(), updated_by = NULL
    WHERE u.id IN (
        SELECT q.id FROM public.jobs AS q
        WHERE q.status = 'running' AND q.lease_expires_at <= now() AND q.kind = ANY (kinds)
            AND (q.cancel_requested_at IS NOT NULL
                OR q.attempts >= q.max_attempts AND q.every IS NULL)
        ORDER BY q.lease_expires_at LIMIT 100 FOR UPDATE SKIP LOCKED);
"""
CLAIMED = """
    UPDATE public.jobs AS u SET status = 'running', attempts = u.attempts + 1, started_at = now(),
        finished_at = NULL, lease_id = gen_random_uuid(), lease_expires_at = now() + lease,
        worker = claimer, progress = NULL, message = NULL, version = u.version + 1,
        updated_at = now(), updated_by = ctx.user_id()
    FROM candidate AS c WHERE u.id = c.id RETURNING u.*;
"""
# The range of one tenant, in place of an equality, has only the index by tenant give the order: by
# that of times all jobs of other tenants would be passed over.
# One job of each tenant in turn, beginning behind `after`; at most 32 tenants of a kind are looked
# at before the end of the round and 32 after it. What is still free goes to the oldest jobs.
FAIR = f"""
CREATE FUNCTION ctx.claim_jobs(kinds text[], claimer text, most int, lease interval, after uuid)
RETURNS SETOF public.jobs LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
{LOST}
    RETURN QUERY
    WITH RECURSIVE tenant (kind, round, id, number) AS (
        SELECT k.kind, r.number, n.id, 1
        FROM unnest(kinds) AS k (kind)
        CROSS JOIN (VALUES (1, after), (2, '00000000-0000-0000-0000-000000000000'::uuid))
            AS r (number, start)
        CROSS JOIN LATERAL (
            SELECT {TENANT} AS id FROM public.jobs AS q
            WHERE q.kind = k.kind AND q.{PENDING} AND {TENANT} > r.start
            ORDER BY {TENANT} LIMIT 1) AS n
        UNION ALL
        SELECT t.kind, t.round, n.id, t.number + 1
        FROM tenant AS t CROSS JOIN LATERAL (
            SELECT {TENANT} AS id FROM public.jobs AS q
            WHERE q.kind = t.kind AND q.{PENDING} AND {TENANT} > t.id
            ORDER BY {TENANT} LIMIT 1) AS n
        WHERE t.number < 32
    ),
    fair AS MATERIALIZED (
        SELECT j.id FROM (SELECT t.kind, t.id, t.round FROM tenant AS t
            WHERE t.round = 1 OR t.id <= after ORDER BY t.round, t.id) AS t
        CROSS JOIN LATERAL (
            SELECT q.id FROM public.jobs AS q
            WHERE q.kind = t.kind AND q.{PENDING} AND {TENANT} BETWEEN t.id AND t.id
                AND {DUE} <= now()
            ORDER BY {TENANT}, {DUE} LIMIT 1 FOR UPDATE SKIP LOCKED) AS j
        LIMIT most
    ),
    oldest AS MATERIALIZED (
        SELECT j.id FROM unnest(kinds) AS k (kind) CROSS JOIN LATERAL (
            SELECT q.id, {DUE} AS due FROM public.jobs AS q
            WHERE q.kind = k.kind AND q.{PENDING} AND {DUE} <= now()
                AND q.id <> ALL (ARRAY(SELECT f.id FROM fair AS f))
            ORDER BY {DUE} LIMIT most FOR UPDATE SKIP LOCKED
        ) AS j ORDER BY j.due LIMIT most - (SELECT count(*) FROM fair)
    ),
    candidate AS (SELECT f.id FROM fair AS f UNION ALL SELECT o.id FROM oldest AS o)
{CLAIMED}
END $$
"""  # noqa: S608 (ours)
FORMER = f"""
CREATE FUNCTION ctx.claim_jobs(kinds text[], claimer text, most int, lease interval)
RETURNS SETOF public.jobs LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
{LOST}
    RETURN QUERY
    WITH candidate AS MATERIALIZED (
        SELECT j.id, j.due FROM unnest(kinds) AS k (kind) CROSS JOIN LATERAL (
            SELECT q.id, {DUE} AS due FROM public.jobs AS q
            WHERE q.kind = k.kind AND q.{PENDING} AND {DUE} <= now()
            ORDER BY {DUE} LIMIT most FOR UPDATE SKIP LOCKED
        ) AS j ORDER BY j.due LIMIT most
    )
{CLAIMED}
END $$
"""  # noqa: S608 (ours)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_index(
        "ix_jobs_tenant",
        "jobs",
        ["kind", sa.text(f"({TENANT})"), sa.text(f"({DUE})")],
        postgresql_where=sa.text(PENDING),
    )
    op.execute("DROP FUNCTION ctx.claim_jobs(text[], text, int, interval)")
    op.execute(FAIR)
    op.execute(
        "GRANT EXECUTE ON FUNCTION ctx.claim_jobs(text[], text, int, interval, uuid)"
        " TO gateway_auth"
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP FUNCTION ctx.claim_jobs(text[], text, int, interval, uuid)")
    op.execute(FORMER)
    op.execute(
        "GRANT EXECUTE ON FUNCTION ctx.claim_jobs(text[], text, int, interval) TO gateway_auth"
    )
    op.drop_index("ix_jobs_tenant", "jobs")
