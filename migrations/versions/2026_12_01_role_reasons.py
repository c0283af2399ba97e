"""The reason for which a role was granted."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_role_reasons"
down_revision = "2026_12_01_credits"

CHECKS = {
    "reason_not_blank": r"reason ~ '\S'",
    "reason_length": "char_length(reason) <= 1000",
}


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.add_column("user_roles", sa.Column("reason", sa.Text()))
    for name, sql in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_user_roles_{name}"), "user_roles", sql)


def downgrade() -> None:
    op.drop_column("user_roles", "reason")
