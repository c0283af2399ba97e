"""Access tokens for scripts, issued on the command line to the built-in client `gateway-cli`.

A token is `rqt_`, 43 random characters, and 6 of their check sum: scanners for leaked secrets know
it by its prefix, and a typing error is detected without the database. They are ordinary rows of
`oauth_access_tokens`, beside the tokens of other clients.
"""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID
from zlib import crc32

from uuid_utils.compat import uuid7

from auth.credentials.people import id_of
from auth.events import Event, record
from auth.origin import Origin
from auth.secret import SECRET, digest, fresh
from db.change import AuditEventType, AuditSeverity
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from db.traits import ResourceType

PREFIX = "rqt_"
REFRESH, CODE, DEVICE = "rqr_", "rqc_", "rqd_"
SECRET_OF_CLIENT, REGISTRATION = "rqs_", "rqg_"
"""The prefixes of the other secrets of applications: client secrets and registration tokens."""
KEYS = API_KEY, PERSONAL = "rqk_live_", "rqp_live_"
"""The prefixes of the keys of servers and of people's scripts (`auth.accounts.keys`)."""
CLIENT = "gateway-cli"

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECKSUM_LENGTH = 6
"""Digits in base 62 that hold every sum of 32 bits."""

REGISTER = """
INSERT INTO oauth_clients
    (client_id, client_name, is_public, is_first_party, token_endpoint_auth_method)
VALUES ($1, 'Gateway command line', true, true, 'none') ON CONFLICT (client_id) DO NOTHING
"""
ISSUE = """
INSERT INTO oauth_access_tokens (id, token_hash, client_id, user_id, scope, expires_at)
VALUES ($1, $2, $3, $4, $5, now() + $6::interval)
"""
REVOKE = """
UPDATE oauth_access_tokens SET revoked_at = now() WHERE token_hash = $1 AND revoked_at IS NULL
RETURNING id, user_id, client_id
"""
FAMILIES = """
SELECT pg_advisory_xact_lock(hashtextextended(grant_id::text, 0))
FROM (
    SELECT DISTINCT grant_id FROM (
        SELECT grant_id, client_id FROM oauth_refresh_tokens
        WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()
        UNION ALL
        SELECT grant_id, client_id FROM oauth_authorization_codes
        WHERE user_id = $1 AND expires_at > now()
        UNION ALL
        SELECT grant_id, client_id FROM oauth_device_codes
        WHERE user_id = $1 AND expires_at > now()
    ) AS living WHERE $2::text IS NULL OR client_id = $2
    ORDER BY grant_id
) AS families
"""
"""Redeeming and refreshing take the same lock, so that their new tokens end with the rest."""
REVOKE_ALL = (
    """
    UPDATE oauth_access_tokens SET revoked_at = now()
    WHERE user_id = $1 AND revoked_at IS NULL AND ($2::text IS NULL OR client_id = $2)
    """,
    """
    UPDATE oauth_refresh_tokens SET revoked_at = now()
    WHERE user_id = $1 AND revoked_at IS NULL AND ($2::text IS NULL OR client_id = $2)
    """,
    """
    UPDATE oauth_authorization_codes SET used_at = now()
    WHERE user_id = $1 AND used_at IS NULL AND ($2::text IS NULL OR client_id = $2)
    """,
    """
    UPDATE oauth_device_codes SET allowed = false
    WHERE user_id = $1 AND used_at IS NULL AND allowed AND ($2::text IS NULL OR client_id = $2)
    """,
    "DELETE FROM oauth_consents WHERE user_id = $1 AND ($2::text IS NULL OR client_id = $2)",
)

END_PERSONAL = """
UPDATE personal_tokens
SET revoked_at = now(), version = version + 1, updated_at = now(), updated_by = $1
WHERE user_id = $1 AND revoked_at IS NULL AND deleted_at IS NULL AND expires_at > now()
RETURNING id, version, revoked_at
"""


async def issue(
    database: Database, email: str, lifetime: timedelta, scope: str | None = None
) -> str:
    """Issue a token of this person, and return it. It is shown once: only its digest is stored.

    `scope` names scopes, separated by spaces, to which the token narrows what the person may do;
    None narrows nothing. Raises NOT_FOUND for an unknown address, INVALID for a lifetime in the
    past.
    """
    if lifetime <= timedelta():
        raise Problem(
            "INVALID", "The lifetime of a token must be more than zero.", field=("lifetime",)
        )
    token, id = new_token(), uuid7()
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        user_id = await id_of(lent, email)
        await lent.execute(REGISTER, CLIENT)
        await lent.execute(ISSUE, id, digest(token).hex(), CLIENT, user_id, scope, lifetime)
        await _record(lent, "issue", id, user_id, CLIENT, {"scope": scope})
    return token


async def revoke(database: Database, token: str) -> bool:
    """Revoke the token, from the next request on; return False when it was not valid any more."""
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        row = await lent.fetchrow(REVOKE, digest(token).hex()) if is_token(token) else None
        if row:
            await _record(lent, "revoke", row["id"], row["user_id"], row["client_id"], {})
    return row is not None


async def revoke_all(connection: Lent, user_id: UUID, client_id: str | None = None) -> None:
    """End all tokens, codes and consents that one client, or every client, has from this person."""
    await connection.execute(FAMILIES, user_id, client_id)
    for statement in REVOKE_ALL:
        await connection.execute(statement, user_id, client_id)


async def end_personal(connection: Lent, user_id: UUID, origin: Origin) -> None:
    """Revoke every personal token of a person whose account may have been taken over."""
    rows = ended = await connection.fetch(END_PERSONAL, user_id)
    while ended:  # those that were being made with these, while this waited for that
        ended = await connection.fetch(END_PERSONAL, user_id)
        rows += ended
    for row in rows:
        event = Event(
            entity_type="PersonalToken",
            entity_id=row["id"],
            action="update",
            type=AuditEventType.UPDATE,
            description="Personal token: ended with the password.",
            resource=ResourceType.TOKEN,
            control="CC6.3",
            severity=AuditSeverity.MEDIUM,
            actor_id=user_id,
            user_id=user_id,
            version=row["version"],
            values={"revoked_at": row["revoked_at"].isoformat()},
        )
        await record(connection, event, origin)


def new_token(prefix: str = PREFIX) -> str:
    """Return a new token."""
    body = prefix + fresh()
    return body + check_sum(body)


def is_token(text: str, prefix: str = PREFIX) -> bool:
    """Return whether `text` has the form of a token, and its check sum."""
    form = rf"{prefix}{SECRET}[0-9A-Za-z]{{{CHECKSUM_LENGTH}}}"
    return bool(re.fullmatch(form, text)) and text.endswith(check_sum(text[:-CHECKSUM_LENGTH]))


def check_sum(text: str) -> str:
    """Return the CRC-32 of an ASCII text in six digits of base 62."""
    rest, digits = crc32(text.encode("ascii")), ""
    for _ in range(CHECKSUM_LENGTH):
        rest, digit = divmod(rest, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits


async def _record(
    connection: Lent,
    action: str,
    id: UUID,
    user_id: UUID | None,
    client_id: str,
    details: dict[str, Any],
) -> None:
    event = Event(
        entity_type="OAuthAccessToken",
        entity_id=id,
        action=action,
        type=AuditEventType.ADMINISTRATION,
        description=f"Access token: {action}.",
        resource=ResourceType.TOKEN,
        user_id=user_id,
        client_id=client_id,
        details=details,
    )
    await record(connection, event, Origin(source="cli"))
