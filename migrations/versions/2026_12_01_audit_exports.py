"""Exports of the audit log by jobs; the files of all jobs leave the storage with their jobs."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_audit_exports"
down_revision = "2026_12_01_billing_upkeep"

REMOVE = """
CREATE OR REPLACE FUNCTION ctx.remove_exports() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.file_removals (file_id)
    SELECT id FROM changed WHERE {condition};
    RETURN NULL;
END $$
"""
# The content has the ID of the job. An export that failed may have written it as well.
WITH_FILE = "kind LIKE '%.export' OR result ? 'file'"
LINES = ("ctx.audit_line(audit_logs)", "ctx.sealed_line(audit_logs)")
"""The function that renders an event that its reader can read anyway."""
FORMER = "kind = 'requirements.export'"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(REMOVE.format(condition=WITH_FILE))
    for function in LINES:
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO gateway_app")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for function in LINES:
        op.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM gateway_app")
    op.execute(REMOVE.format(condition=FORMER))
