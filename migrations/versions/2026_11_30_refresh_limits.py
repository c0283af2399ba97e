"""The start of a refresh token's connection: use extends it, up to a limit."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_refresh_limits"
down_revision = "2026_11_30_former_secrets"

# The tokens of one grant ended together, so the first is there as long as any other.
BEGAN = """
UPDATE oauth_refresh_tokens AS t SET granted_at = f.began
FROM (SELECT grant_id, min(created_at) AS began FROM oauth_refresh_tokens GROUP BY grant_id) AS f
WHERE f.grant_id = t.grant_id
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column(
        "oauth_refresh_tokens",
        sa.Column(
            "granted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
    )
    op.execute(BEGAN)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.drop_column("oauth_refresh_tokens", "granted_at")
