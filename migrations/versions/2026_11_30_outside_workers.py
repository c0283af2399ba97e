"""Workers outside of the gateway: they claim, extend and end jobs of their tenants alone."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_outside_workers"
down_revision = "2026_11_30_reminders"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
CLAIM = f"""
CREATE FUNCTION ctx.claim_as_worker(
    kinds text[], claimer text, most int, lease interval, tenants uuid[]) RETURNS jsonb
LANGUAGE sql {DEFINER} AS $$
SELECT coalesce(jsonb_agg(jsonb_build_object('id', j.id, 'kind', j.kind, 'payload', j.payload,
    'organization_id', j.organization_id, 'attempt', j.attempts, 'lease_id', j.lease_id,
    'lease_expires_at', j.lease_expires_at) ORDER BY j.run_at, j.id), '[]')
FROM ctx.claim_own_jobs(kinds, claimer, most, lease, tenants) AS j
$$
"""  # noqa: S608 (ours)
HELD = """
    IF NOT tenants <@ ctx.organizations() THEN
        RAISE EXCEPTION 'not your own' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT EXISTS (SELECT FROM public.jobs AS j WHERE j.id = job AND j.lease_id = lease
        AND j.organization_id = ANY (tenants)) THEN
        RETURN NULL;
    END IF;
"""
EXTEND = f"""
CREATE FUNCTION ctx.extend_as_worker(
    job uuid, lease uuid, duration interval, share float8, told text, tenants uuid[])
RETURNS jsonb LANGUAGE plpgsql {DEFINER} AS $$
DECLARE
    is_cancelled boolean;
BEGIN
{HELD}
    SELECT e.cancelled INTO is_cancelled
    FROM ctx.extend_jobs(ARRAY[job], ARRAY[lease], duration) AS e;
    IF is_cancelled IS NULL THEN
        RETURN NULL;
    END IF;
    IF share IS NOT NULL THEN
        PERFORM ctx.report_job(job, lease, share, told) FROM public.jobs AS j
        WHERE j.id = job AND (abs(share - coalesce(j.progress, 0)) >= 0.05 OR share = 1);
    END IF;
    RETURN (SELECT jsonb_build_object('lease_expires_at', j.lease_expires_at,
        'is_cancelled', is_cancelled) FROM public.jobs AS j WHERE j.id = job);
END $$
"""  # noqa: S608 (ours)
END = f"""
CREATE FUNCTION ctx.end_as_worker(
    job uuid, lease uuid, outcome jsonb, reason text, final boolean, tenants uuid[])
RETURNS text LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
{HELD}
    IF reason IS NOT NULL THEN
        RETURN ctx.fail_job(job, lease, reason, final);
    END IF;
    IF ctx.complete_job(job, lease, outcome) THEN
        RETURN (SELECT j.status FROM public.jobs AS j WHERE j.id = job);
    END IF;
    RETURN NULL;
END $$
"""  # noqa: S608 (ours)
FUNCTIONS = {
    "claim_as_worker(text[], text, int, interval, uuid[])": CLAIM,
    "extend_as_worker(uuid, uuid, interval, float8, text, uuid[])": EXTEND,
    "end_as_worker(uuid, uuid, jsonb, text, boolean, uuid[])": END,
}
INNER = (
    "claim_own_jobs(text[], text, int, interval, uuid[])",
    "extend_jobs(uuid[], uuid[], interval)",
    "report_job(uuid, uuid, float8, text)",
    "fail_job(uuid, uuid, text, boolean)",
)
"""Functions that requests call no more but by these."""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name, function in FUNCTIONS.items():
        op.execute(function)
        op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name} TO gateway_app")
    for name in INNER:
        op.execute(f"REVOKE EXECUTE ON FUNCTION ctx.{name} FROM gateway_app")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for name in INNER:
        op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{name} TO gateway_app")
    for name in FUNCTIONS:
        op.execute(f"DROP FUNCTION ctx.{name}")
