"""Keys that do not work: each is recorded, and many from one network slow down those that follow.

A key that works costs nothing of this and never waits, whatever its neighbours show. One that is
mistyped is found out by its check sum and not even counted.
"""

from auth import throttle
from auth.events import NOBODY_KNOWN, Event, record
from auth.secret import digest, keyed_digest
from auth.session.origin import Origin
from auth.settings import AuthSettings
from auth.throttle import Count
from auth.tokens import KEYS, is_token
from db.change import AuditEventType, AuditSeverity, ResourceType
from db.pool import NOBODY, Database

KNOWN = """
SELECT 'ApiKey' AS entity, id, organization_id, service_account_id AS user_id,
    revoked_at IS NOT NULL AS revoked, expires_at <= now() AS expired
FROM api_keys WHERE key_hash = $1
UNION ALL
SELECT 'PersonalToken', id, NULL, user_id, revoked_at IS NOT NULL, expires_at <= now()
FROM personal_tokens WHERE key_hash = $1
"""


async def refused(database: Database, settings: AuthSettings, text: str, origin: Origin) -> None:
    """Note that this was shown in vain. Raises RATE_LIMITED with `retryAfter` seconds."""
    if not any(is_token(text, prefix) for prefix in KEYS):
        return
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, [_count(settings, origin)], "keys that do not work")
        known = await lent.fetchrow(KNOWN, digest(text))
        reason = "unknown"
        if known:
            over = "revoked" if known["revoked"] else "expired" if known["expired"] else None
            reason = over or "nobody to act as"
        event = Event(
            entity_type=known["entity"] if known else "Key",
            entity_id=known["id"] if known else NOBODY_KNOWN,
            action="refuse",
            type=AuditEventType.ACCESS_DENIED,
            description="A key that does not work was shown.",
            resource=ResourceType.TOKEN,
            severity=AuditSeverity.MEDIUM,
            user_id=known["user_id"] if known else None,
            organization_id=known["organization_id"] if known else None,
            details={"reason": reason},
        )
        await record(lent, event, origin)


def _count(settings: AuthSettings, origin: Origin) -> Count:
    network = throttle.network_of(origin.ip_address)
    most, window = settings.sign_in_attempts * 10, settings.sign_in_window
    subject = keyed_digest(settings, "key: network", network)
    return Count(subject, most, most / window, window, theirs=False)
