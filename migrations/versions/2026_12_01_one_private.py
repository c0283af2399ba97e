"""Projects are private or not, and members have no permissions besides their roles."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_one_private"
down_revision = "2026_12_01_exchange_files"

TABLES = ("organization_members", "project_members")


def upgrade() -> None:
    """Store restricted projects as private, which they were; no event: nobody reads otherwise."""
    op.execute(LOCK_TIMEOUT)
    op.execute("UPDATE projects SET visibility = 'private' WHERE visibility = 'restricted'")
    for table in TABLES:
        op.drop_column(table, "permissions")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in TABLES:
        empty = sa.text("'{}'::jsonb")
        op.add_column(
            table, sa.Column("permissions", JSONB(), server_default=empty, nullable=False)
        )
        op.create_check_constraint(
            op.f(f"ck_{table}_permissions_object"), table, "jsonb_typeof(permissions) = 'object'"
        )
