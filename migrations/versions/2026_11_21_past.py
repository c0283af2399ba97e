"""Former places of rows: indexes over the few events that moved a row, and their functions."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_21_past"
down_revision = "2026_11_21_trash"

PLACES = ("project_id", "document_id", "block_id", "parent_id")

# Under row level security no index serves `old_data ->> 'block_id'`, which is not leakproof. These
# functions run as the owner, whom no policy restricts, and repeat what members may read.
FUNCTION = """
CREATE FUNCTION ctx.moved_from_{column}(parents uuid[], since timestamptz) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT entity_id FROM public.audit_logs
    WHERE (old_data ->> '{column}') = ANY ($1::text[]) AND {moved} AND created_at > $2
        AND organization_id = ANY ((SELECT ctx.organizations())::uuid[])
$$
"""


def moved(column: str) -> str:
    """Return the SQL condition that an event moved its row."""
    return f"action = 'update' AND '{column}' = ANY (changed_fields)"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for column in PLACES:
        op.create_index(
            f"ix_audit_logs_moved_from_{column}",
            "audit_logs",
            [sa.text(f"(old_data ->> '{column}')")],
            postgresql_where=sa.text(moved(column)),
        )
        op.execute(FUNCTION.format(column=column, moved=moved(column)))
        function = f"ctx.moved_from_{column}(uuid[], timestamptz)"
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO gateway_app")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for column in PLACES:
        op.execute(f"DROP FUNCTION ctx.moved_from_{column}(uuid[], timestamptz)")
        op.drop_index(f"ix_audit_logs_moved_from_{column}", "audit_logs")
