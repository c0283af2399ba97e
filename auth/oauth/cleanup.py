"""Delete requests, codes and tokens that have long expired, and unused applications, in batches.

They stay some days, so that a late second use is still noticed and the record can be read beside
them. Proofs, which come with each request to the API, go as soon as they expire. An application
that registered itself is deleted when nobody has ever consented to it, or when it has ended its
registration and nothing of it is left. Keys stay for 90 days, for owners who look up why theirs
have stopped.
"""

from db.pool import NOBODY, Database

BATCH = 500
TABLES = (
    "oauth_pushed_requests",
    "oauth_authorization_codes",
    "oauth_device_codes",
    "oauth_refresh_tokens",
    "oauth_access_tokens",
)

CLEAN = """
DELETE FROM {table} WHERE id IN (
    SELECT id FROM {table} WHERE expires_at < now() - interval '7 days'
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
"""

CLEAN_PROOFS = """
DELETE FROM oauth_proofs WHERE proof IN (
    SELECT proof FROM oauth_proofs WHERE expires_at < now()
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
"""
CLEAN_CLIENTS = """
DELETE FROM oauth_clients WHERE id IN (
    SELECT id FROM oauth_clients AS c
    WHERE is_self_registered AND created_at < now() - interval '30 days'
        AND (consented_at IS NULL OR disabled_at < now() - interval '30 days')
        AND NOT EXISTS (SELECT FROM oauth_consents WHERE client_id = c.client_id)
        AND NOT EXISTS (SELECT FROM oauth_pushed_requests WHERE client_id = c.client_id)
        AND NOT EXISTS (SELECT FROM oauth_authorization_codes WHERE client_id = c.client_id)
        AND NOT EXISTS (SELECT FROM oauth_device_codes WHERE client_id = c.client_id)
        AND NOT EXISTS (SELECT FROM oauth_refresh_tokens WHERE client_id = c.client_id)
        AND NOT EXISTS (SELECT FROM oauth_access_tokens WHERE client_id = c.client_id)
    ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED)
"""
CLEAN_KEYS = """
DELETE FROM {table} WHERE id IN (
    SELECT id FROM {table} WHERE expires_at < now() - interval '90 days'
    ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
"""
STATEMENTS = (
    *(CLEAN.format(table=table) for table in TABLES),
    *(CLEAN_KEYS.format(table=table) for table in ("api_keys", "personal_tokens")),
    CLEAN_PROOFS,
    CLEAN_CLIENTS,
)
"""The rows of an application are deleted before the application."""


async def clean(database: Database, batch: int = BATCH) -> int:
    """Delete expired rows, each batch in a transaction of its own; return their number."""
    deleted = 0
    for statement in STATEMENTS:
        while True:
            async with database.auth.lend(NOBODY) as lent:
                status = await lent.execute(statement, batch)
            rows = int(status.rpartition(" ")[2])
            deleted += rows
            if rows < batch:
                break
    return deleted
