"""Idempotency keys of requests, with the answers that are replayed."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT, TIME

revision = "2026_11_21_idempotency"
down_revision = "2026_11_21_oauth_server"

# gateway_app may delete nothing. Rows that another request is about to use again are left to it.
FORGET = """
CREATE FUNCTION ctx.forget_idempotency_keys(batch int) RETURNS int LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    forgotten int;
BEGIN
    IF batch < 1 THEN
        RAISE EXCEPTION 'batch is more than zero' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM public.idempotency_keys WHERE (user_id, client_id, key) IN (
        SELECT user_id, client_id, key FROM public.idempotency_keys
        WHERE created_at <= now() - interval '24 hours'
        ORDER BY created_at LIMIT batch FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END $$
"""
OWN = "user_id = (SELECT ctx.user_id())"


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "client_id", "key", name="pk_idempotency_keys"),
        sa.CheckConstraint("key ~ '^[!-~]{1,255}$'", name=op.f("ck_idempotency_keys_key_visible")),
        sa.CheckConstraint(
            "octet_length(request_hash) = 32", name=op.f("ck_idempotency_keys_request_hash_digest")
        ),
        sa.CheckConstraint(
            "(answer IS NULL) = (status IS NULL)",
            name=op.f("ck_idempotency_keys_answer_complete"),
        ),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.execute("ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON idempotency_keys TO gateway_owner USING (true)")
    op.execute("CREATE POLICY application ON idempotency_keys TO gateway_app USING (true)")
    for command, condition in (
        ("SELECT", f"USING ({OWN})"),
        ("INSERT", f"WITH CHECK ({OWN})"),
        ("UPDATE", f"USING ({OWN})"),
        ("DELETE", "USING (false)"),
    ):
        op.execute(
            f"CREATE POLICY own_{command.lower()} ON idempotency_keys"
            f" AS RESTRICTIVE FOR {command} TO gateway_app {condition}"
        )
    op.execute("GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO gateway_app")
    op.execute(FORGET)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.forget_idempotency_keys(int) TO gateway_app")


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute("DROP FUNCTION ctx.forget_idempotency_keys(int)")
    op.drop_table("idempotency_keys")
