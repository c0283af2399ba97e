"""The explorer as a first-party application, which people sign in to by OAuth."""

from alembic import op

from migrations.columns import LOCK_TIMEOUT

revision = "2026_11_21_explorer_client"
down_revision = "2026_11_21_dpop"

# Its address is a path: the gateway's own address is set by each process, and may change.
REGISTER = """
INSERT INTO oauth_clients (client_id, client_name, redirect_uris, grant_types, response_types,
    scope, is_public, is_first_party, token_endpoint_auth_method)
VALUES ('gateway-explorer', 'API explorer', '["/explorer/callback"]',
    '["authorization_code", "refresh_token"]', '["code"]',
    'organizations:read organizations:write requirements:read requirements:write admin',
    true, true, 'none')
ON CONFLICT (client_id) DO NOTHING
"""
HELD = (
    "oauth_refresh_tokens",
    "oauth_access_tokens",
    "oauth_authorization_codes",
    "oauth_consents",
    "oauth_clients",
)
"""The tables that refer to it, in the order in which their rows can be deleted."""


def upgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    op.execute(REGISTER)


def downgrade() -> None:
    op.execute(LOCK_TIMEOUT)
    for table in HELD:
        op.execute(f"DELETE FROM {table} WHERE client_id = 'gateway-explorer'")  # noqa: S608
