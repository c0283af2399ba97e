"""An aggregate that merges old values of a row in their order."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_21_overlay"
down_revision = "2026_11_21_second_factor"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    # Of a key that several objects have, the last one wins. PostgreSQL has no such aggregate; to
    # take the objects apart and aggregate their keys costs twice as much.
    op.execute("CREATE AGGREGATE ctx.overlay(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb)")
    op.execute("GRANT EXECUTE ON FUNCTION ctx.overlay(jsonb) TO gateway_app")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP AGGREGATE ctx.overlay(jsonb)")
