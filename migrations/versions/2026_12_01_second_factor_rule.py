"""Organizations can demand a second factor of their members."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_12_01_second_factor_rule"
down_revision = "2026_12_01_provisioned"

RIGHTS = "ctx.hold_rights(uuid, uuid[], uuid[])"
LIVE = "WHERE (o.deleted_at IS NULL OR h.role = 'owner')"
# A person without an authenticator app has no role at an organization that demands one.
PROVEN = f"""{LIVE}
        AND (NOT o.second_factor_required OR serves IS NOT NULL OR EXISTS (
            SELECT FROM public.second_factors AS f WHERE f.user_id = person))"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    required = sa.Column(
        "second_factor_required", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("organizations", required)
    replace_in(RIGHTS, LIVE, PROVEN)


def replace_in(function: str, old: str, new: str) -> None:
    """Replace a part of the definition of a function."""
    bind = op.get_bind()
    signature = sa.text("SELECT pg_get_functiondef(CAST(:name AS regprocedure))")
    text: str = bind.execute(signature, {"name": function}).scalar_one()
    if old not in text:
        raise LookupError(f"{function} has no {old}.")
    bind.exec_driver_sql(text.replace(old, new))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    replace_in(RIGHTS, PROVEN, LIVE)
    op.drop_column("organizations", "second_factor_required")
