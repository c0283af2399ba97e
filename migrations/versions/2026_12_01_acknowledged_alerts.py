"""Alerts of the audit log are acknowledged by administrators."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_12_01_acknowledged_alerts"
down_revision = "2026_12_01_openid_provider"

TABLE = "audit_alerts"
OWN_TENANT = "organization_id = ANY ((SELECT ctx.organizations())::uuid[])"
UPDATE = f"CREATE POLICY tenant_update ON {TABLE} AS RESTRICTIVE FOR UPDATE TO gateway_app USING"
COLUMNS = ("acknowledged_at", "acknowledged_by", "note")
CHECKS = {
    "note_not_blank": r"note ~ '\S'",
    "note_length": "char_length(note) <= 500",
    "acknowledged_by_acknowledged": (
        "acknowledged_at IS NOT NULL OR num_nonnulls(acknowledged_by, note) = 0"
    ),
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column(TABLE, sa.Column("acknowledged_at", TIME, nullable=True))
    op.add_column(TABLE, sa.Column("acknowledged_by", sa.Uuid(), nullable=True))
    op.add_column(TABLE, sa.Column("note", sa.Text(), nullable=True))
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_{TABLE}_{name}"), TABLE, condition)
    shown = ", ".join(COLUMNS)
    op.execute(f"GRANT SELECT ({shown}) ON {TABLE} TO gateway_app")
    # What an alert says is never changed: requests have no other column to write.
    op.execute(f"GRANT UPDATE ({shown}, version, updated_at, updated_by) ON {TABLE} TO gateway_app")
    op.execute(f"DROP POLICY tenant_update ON {TABLE}")
    op.execute(f"{UPDATE} ({OWN_TENANT})")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(f"DROP POLICY tenant_update ON {TABLE}")
    op.execute(f"{UPDATE} (false)")
    op.execute(f"REVOKE UPDATE (version, updated_at, updated_by) ON {TABLE} FROM gateway_app")
    for column in reversed(COLUMNS):
        op.drop_column(TABLE, column)
