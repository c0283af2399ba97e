"""Checkpoints of jobs, the number of jobs of an organization, and the files of bulk operations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_bulk"
down_revision = "2026_12_01_audit_exports"

DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

# No event: a checkpoint is for the next attempt alone, and changes no version.
CHECKPOINT = f"""
CREATE FUNCTION ctx.checkpoint_job(job uuid, lease uuid, state jsonb) RETURNS boolean
LANGUAGE sql {DEFINER} AS $$
WITH done AS (
    UPDATE public.jobs AS j SET checkpoint = state
    WHERE j.id = job AND j.lease_id = lease AND j.status = 'running' RETURNING 1
) SELECT EXISTS (SELECT FROM done)
$$
"""  # noqa: S608 (ours)

# Transactions that enqueue such jobs in one organization take turns, so that each counts the
# others' jobs. The viewer may not be able to read them all.
LIVE = f"""
CREATE FUNCTION ctx.live_jobs(organization uuid, kinds text[]) RETURNS int
LANGUAGE plpgsql {DEFINER} AS $$
BEGIN
    IF (organization = ANY (ctx.organizations())) IS NOT true THEN
        RAISE EXCEPTION 'not your own' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('live_jobs ' || organization::text, 0));
    RETURN (SELECT count(*) FROM public.jobs
        WHERE organization_id = organization AND kind = ANY (kinds)
            AND status IN ('queued', 'running'));
END $$
"""  # noqa: S608 (ours)

FORMER = "kind LIKE '%.export' OR result ? 'file'"
REMOVE_EXPORTS = """
CREATE OR REPLACE FUNCTION ctx.remove_exports() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.file_removals (file_id)
    SELECT id FROM changed WHERE {condition};
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column("jobs", sa.Column("checkpoint", JSONB(), nullable=True))
    op.execute(CHECKPOINT)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.checkpoint_job(uuid, uuid, jsonb) TO gateway_auth")
    op.execute(LIVE)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.live_jobs(uuid, text[]) TO gateway_app")
    op.execute(REMOVE_EXPORTS.format(condition=f"{FORMER} OR kind LIKE 'bulk.%'"))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(REMOVE_EXPORTS.format(condition=FORMER))
    op.execute("DROP FUNCTION ctx.live_jobs(uuid, text[])")
    op.execute("DROP FUNCTION ctx.checkpoint_job(uuid, uuid, jsonb)")
    op.drop_column("jobs", "checkpoint")
