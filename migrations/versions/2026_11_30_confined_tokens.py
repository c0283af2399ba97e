"""Tokens that reach one organization of a person in place of all."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_confined_tokens"
down_revision = "2026_11_30_placed_events"

TABLES = (
    "oauth_authorization_codes",
    "oauth_device_codes",
    "oauth_access_tokens",
    "oauth_refresh_tokens",
    "oauth_consents",
)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in TABLES:
        op.add_column(table, sa.Column("confined_to", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in TABLES:
        op.drop_column(table, "confined_to")
