"""Browser sessions: they begin at sign-in, and end at sign-out or by expiry.

`auth.credentials.grants` reads sessions; this module writes them. Only a digest of a session's
secret is stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from auth.origin import Origin
from auth.secret import digest, fresh, is_secret
from auth.settings import AuthSettings
from db.pool import Lent

START = """
INSERT INTO sessions (id, token_hash, user_id, expires_at, ip_address, user_agent, methods,
    identity_id, provider_session, device_id)
VALUES ($1, $2, $3, now() + $4::interval, $5, $6, $7, $8, $9, $10)
"""
END = """
UPDATE sessions SET ended_at = now() WHERE token_hash = $1 AND ended_at IS NULL
RETURNING id, user_id
"""
END_ALL = """
UPDATE sessions SET ended_at = now()
WHERE user_id = $1 AND ended_at IS NULL AND id IS DISTINCT FROM $2 RETURNING id
"""


@dataclass(frozen=True)
class Started:
    """A new session: its id, the secret for the browser's cookie, and its lifetime in seconds.

    `known` is the other cookie of the browser (`auth.credentials.known_browsers`).
    """

    id: UUID
    secret: str = field(repr=False)
    seconds: int
    known: str = field(default="", repr=False)


class Via(NamedTuple):
    """The identity by which a session begins, and the session of its provider, if it has a name."""

    identity_id: UUID
    provider_session: str | None = None


class Ended(NamedTuple):
    """A session that has just ended, and its person."""

    id: UUID
    user_id: UUID


async def start(
    connection: Lent,
    user_id: UUID,
    origin: Origin,
    settings: AuthSettings,
    methods: Sequence[str] = (),
    via: Via | None = None,
    device_id: UUID | None = None,
) -> Started:
    """Begin a session of this person with a new secret, and return it.

    `methods` are those by which they have proved who they are (RFC 8176).
    """
    lifetime = timedelta(days=settings.session_days)
    started = Started(uuid7(), fresh(), int(lifetime.total_seconds()))
    await connection.execute(
        START,
        started.id,
        digest(started.secret),
        user_id,
        lifetime,
        ip_address(origin.ip_address) if origin.ip_address else None,
        origin.user_agent,
        list(methods),
        via.identity_id if via else None,
        via.provider_session if via else None,
        device_id,
    )
    return started


async def end(connection: Lent, secret: str) -> Ended | None:
    """End the session of this secret; return None when there is none, or it has ended before."""
    row = await connection.fetchrow(END, digest(secret)) if is_secret(secret) else None
    return Ended(row["id"], row["user_id"]) if row else None


async def end_all(connection: Lent, user_id: UUID, kept: UUID | None = None) -> int:
    """End every session of this person except, if given, one; return their number."""
    return len(await connection.fetch(END_ALL, user_id, kept))
