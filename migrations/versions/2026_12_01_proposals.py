"""Templates: documents and projects that are meant to be copied."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_proposals"
down_revision = "2026_12_01_role_reasons"

TABLES = ("documents", "projects")


def upgrade() -> None:
    """Add the columns; their default is stored once, and rewrites no row."""
    op.execute(LOCK_TIMEOUT)
    for table in TABLES:
        column = sa.Column(
            "is_template", sa.Boolean(), server_default=sa.text("false"), nullable=False
        )
        op.add_column(table, column)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in TABLES:
        op.drop_column(table, "is_template")
