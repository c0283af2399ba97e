"""The transaction ID of an event is part of its hash, since the past is read by it."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_sealed_transactions"
down_revision = "2026_11_30_confined_tokens"

# The line of an event as it is hashed and exported from now on: that of before, with the number of
# its transaction at the end. Earlier seals stay as they are, over lines without it.
SEALED_LINE = """
CREATE FUNCTION ctx.sealed_line(event audit_logs) RETURNS text LANGUAGE sql STABLE AS $$
SELECT left(ctx.audit_line(event), -1) || ', "xid" : "' || event.xid || '"}'
$$
"""
# Only what the sealer hashes is another: its function stays as the migrations before have left it.
SEAL = """
DO $do$ BEGIN
    EXECUTE replace(pg_get_functiondef('ctx.seal_audit_logs(int)'::regprocedure),
        'ctx.{before}(e)', 'ctx.{after}(e)');
END $do$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(SEALED_LINE)
    op.execute(SEAL.format(before="audit_line", after="sealed_line"))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(SEAL.format(before="sealed_line", after="audit_line"))
    op.execute("DROP FUNCTION ctx.sealed_line(audit_logs)")
