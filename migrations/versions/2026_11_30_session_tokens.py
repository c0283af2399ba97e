"""Tokens that a first-party application receives in a session end with the session."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_30_session_tokens"
down_revision = "2026_11_30_signed_context"

TABLES = (
    "oauth_authorization_codes",
    "oauth_device_codes",
    "oauth_access_tokens",
    "oauth_refresh_tokens",
)

# As before, but for a token that is bound to a session: whoever holds it holds the session as well.
HOLD_CREDENTIAL = """
CREATE OR REPLACE FUNCTION ctx.hold_credential(credential uuid) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bound uuid;
BEGIN
    PERFORM FROM public.sessions
    WHERE id = credential AND ended_at IS NULL AND expires_at > now() FOR SHARE;
    IF NOT FOUND THEN
        {token}
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
ALIVE = """ FROM public.oauth_access_tokens AS t
        JOIN public.oauth_clients AS c ON c.client_id = t.client_id AND c.disabled_at IS NULL
        WHERE t.id = credential AND t.revoked_at IS NULL AND t.expires_at > now() FOR SHARE;
"""
BEFORE = f"PERFORM{ALIVE}"
WITH_SESSION = f"""
        SELECT t.session_id INTO bound{ALIVE}
        IF FOUND AND bound IS NOT NULL THEN
            PERFORM FROM public.sessions
            WHERE id = bound AND ended_at IS NULL AND expires_at > now() FOR SHARE;
            RETURN FOUND;
        END IF;
"""  # noqa: S608 (ours)


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in TABLES:
        op.add_column(table, sa.Column("session_id", sa.Uuid(), nullable=True))
    op.execute(HOLD_CREDENTIAL.replace("{token}", WITH_SESSION))


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(HOLD_CREDENTIAL.replace("{token}", BEFORE))
    for table in TABLES:
        op.drop_column(table, "session_id")
