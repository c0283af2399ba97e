"""A write locks the session, token or key that it was made with, which cannot end before it."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_21_held_credentials"
down_revision = "2026_11_21_assignments"

# The roles that serve requests write keys and applications, but cannot read sessions. Ending a
# credential waits for the transactions that share its row.
HOLD_CREDENTIAL = """
CREATE FUNCTION ctx.hold_credential(credential uuid) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM public.sessions
    WHERE id = credential AND ended_at IS NULL AND expires_at > now() FOR SHARE;
    IF NOT FOUND THEN
        PERFORM FROM public.oauth_access_tokens
        WHERE id = credential AND revoked_at IS NULL AND expires_at > now() FOR SHARE;
    END IF;
    IF NOT FOUND THEN
        PERFORM FROM public.personal_tokens
        WHERE id = credential AND revoked_at IS NULL AND deleted_at IS NULL
            AND expires_at > now() FOR SHARE;
    END IF;
    IF NOT FOUND THEN
        PERFORM FROM public.api_keys
        WHERE id = credential AND revoked_at IS NULL AND deleted_at IS NULL
            AND expires_at > now() FOR SHARE;
    END IF;
    RETURN FOUND;
END $$
"""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(HOLD_CREDENTIAL)
    op.execute("GRANT EXECUTE ON FUNCTION ctx.hold_credential(uuid) TO gateway_app, gateway_auth")


def downgrade() -> None:
    op.execute("DROP FUNCTION ctx.hold_credential(uuid)")
