"""The assignments that are due soon and of which no reminder is enqueued."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_reminders"
down_revision = "2026_11_30_external_documents"

# The key holds the assignee and the due date: with another one there is another reminder.
DUE = """
CREATE FUNCTION ctx.due_assignments(reminder text, ahead interval, most int)
RETURNS TABLE (id uuid, organization_id uuid, assignee_id uuid, due_date timestamptz, key text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT a.id, a.organization_id, a.assignee_id, a.due_date, k.key
FROM public.assignments AS a
CROSS JOIN LATERAL (SELECT concat_ws(' ', a.id, a.assignee_id,
    to_char(a.due_date AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')) AS key) AS k
WHERE a.due_date > now() AND a.due_date <= now() + ahead
    AND a.completed_at IS NULL AND a.deleted_at IS NULL
    AND NOT EXISTS (SELECT FROM public.jobs AS j
        WHERE j.organization_id = a.organization_id AND j.kind = reminder AND j.key = k.key)
ORDER BY a.due_date, a.id LIMIT most
$$
"""
SIGNATURE = "due_assignments(text, interval, int)"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_index(
        "ix_assignments_due",
        "assignments",
        ["due_date"],
        postgresql_where=sa.text(
            "due_date IS NOT NULL AND completed_at IS NULL AND deleted_at IS NULL"
        ),
    )
    op.execute(DUE)
    op.execute(f"GRANT EXECUTE ON FUNCTION ctx.{SIGNATURE} TO gateway_auth")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(f"DROP FUNCTION ctx.{SIGNATURE}")
    op.drop_index("ix_assignments_due", "assignments")
