"""Invalid keys and tokens: each is recorded, and many delay the next ones of their network.

A valid key costs nothing of this and is never delayed, whatever comes from its network. A mistyped
one is detected by its check sum and not even counted. Access tokens expire every hour, and clients
send expired ones now and then: they are recorded once a minute, and counted.
"""

from collections.abc import Mapping
from typing import Any

from auth.credentials import shares, throttle
from auth.credentials.throttle import Count
from auth.credentials.tokens import KEYS, PREFIX, is_token
from auth.events import NOBODY_KNOWN, Event, record
from auth.origin import Origin
from auth.refusals import once_a_minute
from auth.secret import digest, keyed_digest
from auth.settings import AuthSettings
from db.change import AuditEventType, AuditSeverity
from db.pool import NOBODY, Database
from db.traits import ResourceType

KNOWN = """
SELECT 'ApiKey' AS entity, id, organization_id, service_account_id AS user_id,
    revoked_at IS NOT NULL AS revoked, expires_at <= now() AS expired
FROM api_keys WHERE key_hash = $1
UNION ALL
SELECT 'PersonalToken', id, NULL, user_id, revoked_at IS NOT NULL, expires_at <= now()
FROM personal_tokens WHERE key_hash = $1
UNION ALL
SELECT 'Share', id, organization_id, NULL, revoked_at IS NOT NULL, expires_at <= now()
FROM shares WHERE key_hash = $1
"""


OF_ACCESS = """
SELECT 'OAuthAccessToken' AS entity, id, NULL::uuid AS organization_id, user_id, client_id,
    revoked_at IS NOT NULL AS revoked, expires_at <= now() AS expired
FROM oauth_access_tokens WHERE token_hash = $1
"""


async def refused(database: Database, settings: AuthSettings, text: str, origin: Origin) -> None:
    """Record an invalid key or token. Raises RATE_LIMITED with `retryAfter` seconds."""
    if is_token(text, PREFIX):
        await _refused_token(database, settings, text, origin)
    text, _, _ = text.partition(shares.SEPARATOR)
    if not any(is_token(text, prefix) for prefix in (*KEYS, shares.PREFIX)):
        return
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, [_count(settings, origin)], "keys that do not work")
        known = await lent.fetchrow(KNOWN, digest(text))
        await record(lent, _event("Key", known), origin)


async def _refused_token(
    database: Database, settings: AuthSettings, text: str, origin: Origin
) -> None:
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        known = await lent.fetchrow(OF_ACCESS, digest(text).hex())
        network = throttle.network_of(origin.ip_address)
        whose = f"{known['user_id']} {known['client_id']}" if known else network
        more = await once_a_minute(lent, settings, "refused token", whose)
        if more is not None:
            event = _event("OAuthAccessToken", known)
            event.details["more"] = more
            await record(lent, event, origin)


def _event(kind: str, known: Mapping[str, Any] | None) -> Event:
    reason = "unknown"
    if known:
        over = "revoked" if known["revoked"] else "expired" if known["expired"] else None
        reason = over or ("password" if known["entity"] == "Share" else "nobody to act as")
    return Event(
        entity_type=known["entity"] if known else kind,
        entity_id=known["id"] if known else NOBODY_KNOWN,
        action="refuse",
        type=AuditEventType.ACCESS_DENIED,
        description=f"A {'key' if kind == 'Key' else 'token'} that does not work was shown.",
        resource=ResourceType.TOKEN,
        severity=AuditSeverity.MEDIUM,
        user_id=known["user_id"] if known else None,
        organization_id=known["organization_id"] if known else None,
        details={"reason": reason},
    )


def _count(settings: AuthSettings, origin: Origin) -> Count:
    network = throttle.network_of(origin.ip_address)
    most, window = settings.sign_in_attempts * 10, settings.sign_in_window
    subject = keyed_digest(settings, "key: network", network)
    return Count(subject, most, most / window, window, theirs=False)
