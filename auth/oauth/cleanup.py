"""Delete requests, codes and tokens that have long expired, and unused applications, in batches.

`db.retention` has the periods: rows stay some days, so that a late second use is still noticed and
the record can be read beside them; proofs, which come with each request to the API, go as soon as
they expire; keys stay for owners who look up why theirs have stopped. An application that
registered itself is deleted when nobody has ever consented to it, or when it has ended its
registration and nothing of it is left.
"""

from db.pool import NOBODY, Database
from db.retention import BATCH, prune

JOB = "upkeep.oauth"
"""The job of the retentions of these rows, and of applications."""
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


async def clean(database: Database, batch: int = BATCH) -> int:
    """Delete expired rows, each batch in a transaction of its own; return their number.

    The rows of an application are deleted before the application.
    """
    deleted = await prune(database, JOB, batch)
    rows = batch
    while rows == batch:
        async with database.auth.lend(NOBODY) as lent:
            status = await lent.execute(CLEAN_CLIENTS, batch)
        rows = int(status.rpartition(" ")[2])
        deleted += rows
    return deleted
