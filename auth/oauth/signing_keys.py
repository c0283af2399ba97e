"""The key pairs that sign ID tokens: they are created, published, rotated and removed.

A new key is published a day before it signs, so that clients have read it by then, and the one
before stays published until its last tokens have long expired (OpenID Connect Core, section
10.1.1). Private keys are stored encrypted.
"""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from joserfc.jwk import RSAKey
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from auth.encryption import decrypt, encrypt
from auth.events import Event, record
from auth.origin import Origin
from auth.settings import AuthSettings
from db.change import AuditEventType
from db.core.oauth import OAuthSigningKey
from db.pool import NOBODY, Database, Lent
from db.traits import ResourceType

ALGORITHM = "RS256"
"""The algorithm that every client of OpenID Connect knows (Core, section 15.1)."""
BITS = 2048
AGE = timedelta(days=90)
"""The age at which a key is followed by another."""
AHEAD = timedelta(days=1)
"""The time for which a key is published before it signs."""
KEPT = timedelta(days=2)
"""The time for which a key is published after it has signed."""
PURPOSE = "signing key"

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('oauth signing keys', 0))"
SIGNING = "signs_from <= now() AND (expires_at IS NULL OR expires_at > now())"
ALL_SIGNING = f"SELECT id, private_key FROM oauth_signing_keys WHERE {SIGNING}"  # noqa: S608 (ours)
PUBLISHED = """
SELECT public_key FROM oauth_signing_keys WHERE expires_at IS NULL OR expires_at > now()
ORDER BY signs_from DESC, id DESC
"""
NEWEST_AGE = "SELECT now() - max(created_at) FROM oauth_signing_keys"
FOLLOW = """
UPDATE oauth_signing_keys SET expires_at = now() + $1::interval WHERE expires_at IS NULL
"""
END = "DELETE FROM oauth_signing_keys"
ADD = """
INSERT INTO oauth_signing_keys (id, public_key, private_key, signs_from)
VALUES ($1, $2, $3, now() + $4::interval)
"""
CLEAN = "DELETE FROM oauth_signing_keys WHERE expires_at < now()"

_opened: dict[UUID, RSAKey] = {}
"""The private keys that this process has decrypted: at most those that one gateway publishes."""


class NoSigningKeyError(Exception):
    """No key can sign now: `require` creates one."""


async def require(database: Database, settings: AuthSettings) -> None:
    """Create a key if none can sign: at first, or when GATEWAY_SECRET opens none any more."""
    async with database.auth.lend(NOBODY) as lent:
        if await _can_sign(lent, settings):
            return
    await _follow(database, settings, timedelta(0), KEPT, only_first=True)


async def rotate(
    database: Database,
    settings: AuthSettings,
    *,
    revoke_former: bool = False,
    origin: Origin | None = None,
) -> str:
    """Create the key that signs from tomorrow on, and return its ID.

    With `revoke_former`, it signs at once, and no other key is published any more.
    """
    ahead = timedelta(0) if revoke_former else AHEAD
    kept = None if revoke_former else AHEAD + KEPT
    return await _follow(database, settings, ahead, kept, origin=origin)


async def upkeep(database: Database, settings: AuthSettings) -> None:
    """Rotate a key that is 90 days old, and remove those that have expired."""
    async with database.auth.lend(NOBODY) as lent:
        age = await lent.fetchval(NEWEST_AGE)
        await lent.execute(CLEAN)
    if age is not None and age >= AGE:
        await rotate(database, settings, origin=Origin(source="worker"))


async def published(connection: Lent) -> dict[str, Any]:
    """Return the JSON Web Key Set (RFC 7517, section 5), the newest key first."""
    return {"keys": [row["public_key"] for row in await connection.fetch(PUBLISHED)]}


def signing_key(session: Session, settings: AuthSettings) -> RSAKey:
    """Return the key that signs now. Raises NoSigningKeyError."""
    statement = (
        select(OAuthSigningKey.id, OAuthSigningKey.private_key)
        .where(
            OAuthSigningKey.signs_from <= func.now(),
            OAuthSigningKey.expires_at.is_(None) | (OAuthSigningKey.expires_at > func.now()),
        )
        .order_by(OAuthSigningKey.signs_from.desc(), OAuthSigningKey.id.desc())
    )
    for id, sealed in session.execute(statement):
        if key := _key(settings, id, sealed):
            return key
    raise NoSigningKeyError


def public_keys(session: Session) -> dict[str, Any]:
    """Return the published keys by their `kid`."""
    statement = select(OAuthSigningKey.public_key).where(
        OAuthSigningKey.expires_at.is_(None) | (OAuthSigningKey.expires_at > func.now())
    )
    return {key["kid"]: key for key in session.scalars(statement)}


async def _can_sign(connection: Lent, settings: AuthSettings) -> bool:
    rows = await connection.fetch(ALL_SIGNING)
    return any(_key(settings, row["id"], row["private_key"]) for row in rows)


async def _follow(
    database: Database,
    settings: AuthSettings,
    ahead: timedelta,
    kept: timedelta | None,
    *,
    only_first: bool = False,
    origin: Origin | None = None,
) -> str:
    """Add a key that signs after a time, and expire or end the others; return its ID."""
    key = await asyncio.to_thread(RSAKey.generate_key, BITS, private=True)
    id = uuid7()
    public = {**key.as_dict(private=False), "kid": str(id), "use": "sig", "alg": ALGORITHM}
    sealed = encrypt(settings, PURPOSE, id.bytes, key.as_der(private=True))
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await lent.execute(LOCK)
        if only_first and await _can_sign(lent, settings):  # another process was faster
            return str(id)
        await (lent.execute(END) if kept is None else lent.execute(FOLLOW, kept))
        await lent.execute(ADD, id, json.dumps(public), sealed, ahead)
        event = Event(
            entity_type="OAuthSigningKey",
            entity_id=id,
            action="rotate",
            type=AuditEventType.ADMINISTRATION,
            description="Key of ID tokens created"
            + (", and all before revoked." if kept is None else "."),
            resource=ResourceType.TOKEN,
        )
        await record(lent, event, origin or Origin(source="cli"))
    return str(id)


def _key(settings: AuthSettings, id: UUID, sealed: bytes) -> RSAKey | None:
    """Return the private key; None when it was encrypted with an unknown GATEWAY_SECRET."""
    if id not in _opened:
        der = decrypt(settings, PURPOSE, id.bytes, sealed)
        if der is None:
            return None
        _opened[id] = RSAKey.import_key(der, {"kid": str(id)})
    return _opened[id]
