"""Commit to personal values in an event: the values stand beside it, and can be erased.

The salt makes the digest useless to whoever guesses at the values once they are erased.
"""

import json
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from db.audit.seal import NO_ORGANIZATION

SALT = 16
"""Bytes of a salt."""
MAX_ALTERED = 1000
"""Events with other values that are returned, at most."""
ALTERED = """
SELECT coalesce(e.organization_id, p.organization_id, $1) AS chain, p.event_id,
    e.id IS NULL AND p.archived_digest IS NULL AS lost
FROM public.audit_personal_data AS p LEFT JOIN public.audit_logs AS e ON e.id = p.event_id
WHERE encode(sha256(p.salt || convert_to(p.data, 'UTF8')), 'hex')
        IS DISTINCT FROM coalesce(e.details ->> 'personal_data', p.archived_digest)
    AND ($2::uuid IS NULL OR coalesce(e.organization_id, p.organization_id, $1) = $2)
ORDER BY p.event_id LIMIT $3
"""


class Committed(NamedTuple):
    """The salt, the values as JSON, and the digest of both, in hexadecimal, for the event."""

    salt: bytes
    data: str
    digest: str


def commit(old: Mapping[str, Any], new: Mapping[str, Any]) -> Committed:
    """Return the old and new values of an event, in the form of the record, with their digest."""
    salt = secrets.token_bytes(SALT)
    data = json.dumps({"old": old, "new": new}, sort_keys=True, separators=(",", ":"))
    return Committed(salt, data, digest_of(salt, data))


def digest_of(salt: bytes, data: str) -> str:
    """Return the digest that an event has of its personal values."""
    return sha256(salt + data.encode()).hexdigest()


async def altered(
    connection: asyncpg.Connection, organization_id: UUID | None = None
) -> dict[UUID, str]:
    """Return by chain a sentence on the first event whose values are not those of its digest.

    Values that were erased are gone, and are no fault.
    """
    rows = await connection.fetch(ALTERED, NO_ORGANIZATION, organization_id, MAX_ALTERED)
    found: dict[UUID, str] = {}
    for row in rows:
        what = "belong to no event" if row["lost"] else "do not have the digest that it holds"
        sentence = f"The personal values of event {row['event_id']} {what}: they were altered."
        found.setdefault(row["chain"], sentence)
    return found
