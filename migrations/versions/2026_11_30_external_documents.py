"""The trash of external documents."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_external_documents"
down_revision = "2026_11_30_jobs"

NAME, TABLE = "ix_external_documents_trash", "external_documents"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_index(
        NAME,
        TABLE,
        ["organization_id", "deleted_at", "id"],
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_index(NAME, TABLE)
