"""The identity providers of organizations as sign-in reads them, and whom they are enforced for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from auth.accounts.domains import domain_of
from auth.credentials.factors import has_second_factor
from auth.encryption import decrypt, encrypt
from auth.secret import digest, is_secret
from auth.settings import AuthSettings
from db.pool import NOBODY, Database, Lent
from db.problem import Problem

PURPOSE = "identity provider secret"
"""The purpose of the key that encrypts the secrets of clients."""
SELECT = """
SELECT p.id, p.organization_id, o.name AS organization, p.name, p.issuer, p.client_id,
    p.client_secret, p.is_enforced, p.tested_at IS NOT NULL AS is_tested
FROM identity_providers AS p
JOIN organizations AS o ON o.id = p.organization_id AND o.deleted_at IS NULL
"""
BY_ID = f"{SELECT} WHERE p.id = $1 AND p.deleted_at IS NULL"
OF_DOMAIN = f"""{SELECT}
JOIN organization_domains AS d ON d.organization_id = p.organization_id AND d.domain = $1
    AND d.verified_at IS NOT NULL AND d.deleted_at IS NULL
WHERE p.tested_at IS NOT NULL AND p.deleted_at IS NULL
"""
OF_PERSON = f"""{SELECT}
JOIN profile_identities AS i ON i.organization_id = p.organization_id AND i.issuer = p.issuer
WHERE i.user_id = $1 AND p.tested_at IS NOT NULL AND p.deleted_at IS NULL
ORDER BY p.name, p.id
"""
OF_ORGANIZATIONS = f"""{SELECT}
WHERE p.organization_id = ANY ($1) AND p.tested_at IS NOT NULL AND p.deleted_at IS NULL
ORDER BY p.name, p.id LIMIT 100
"""
OF_SESSION = f"""{SELECT}
JOIN profile_identities AS i ON i.organization_id = p.organization_id AND i.issuer = p.issuer
JOIN sessions AS s ON s.identity_id = i.id AND s.user_id = i.user_id
WHERE s.token_hash = $1 AND s.ended_at IS NULL AND s.expires_at > now() AND p.deleted_at IS NULL
"""
OWNS_WITH_SECOND_FACTOR = f"""
SELECT EXISTS (
    SELECT FROM organization_members AS m
    WHERE m.organization_id = $1 AND m.user_id = $2 AND m.role = 'owner'
        AND m.status = 'active' AND m.deleted_at IS NULL AND {has_second_factor("m.user_id")})
"""  # noqa: S608 (ours)
ELSEWHERE = "Your organization requires that you sign in with {}."
NO_SUCH = "There is no such identity provider."


@dataclass(frozen=True)
class Connection:
    """An identity provider, and the gateway's client there."""

    id: UUID
    organization_id: UUID
    organization: str
    name: str
    issuer: str
    client_id: str
    secret: str | None = field(repr=False)
    is_enforced: bool
    is_tested: bool


async def find(database: Database, settings: AuthSettings, id: str) -> Connection:
    """Return the identity provider with this ID. Raises NOT_FOUND."""
    try:
        key = UUID(id)
    except ValueError:
        raise Problem("NOT_FOUND", NO_SUCH) from None
    async with database.auth.lend(NOBODY) as lent:
        row = await lent.fetchrow(BY_ID, key)
    if row is None:
        raise Problem("NOT_FOUND", NO_SUCH)
    return _read(settings, row)


async def of_address(database: Database, settings: AuthSettings, email: str) -> Connection | None:
    """Return the identity provider of the organization that has verified this address's domain."""
    domain = domain_of(email)
    if domain is None:
        return None
    async with database.auth.lend(NOBODY) as lent:
        row = await lent.fetchrow(OF_DOMAIN, domain)
    return _read(settings, row) if row else None


async def of_person(database: Database, settings: AuthSettings, person: UUID) -> list[Connection]:
    """Return the identity providers at which a person has an identity."""
    async with database.auth.lend(NOBODY) as lent:
        return [_read(settings, row) for row in await lent.fetch(OF_PERSON, person)]


async def of_organizations(
    database: Database, settings: AuthSettings, ids: Collection[UUID]
) -> list[Connection]:
    """Return the identity providers of these organizations, at most 100."""
    async with database.auth.lend(NOBODY) as lent:
        rows = await lent.fetch(OF_ORGANIZATIONS, list(ids))
    return [_read(settings, row) for row in rows]


async def of_session(database: Database, settings: AuthSettings, secret: str) -> Connection | None:
    """Return the identity provider at which the session of this secret began, if it did at one."""
    if not is_secret(secret):
        return None
    async with database.auth.lend(NOBODY) as lent:
        row = await lent.fetchrow(OF_SESSION, digest(secret))
    return _read(settings, row) if row else None


async def elsewhere(connection: Lent, person: UUID, email: str) -> str | None:
    """Return why a person has to sign in at an identity provider, and not by password; else None.

    Owners of the organization with a second factor may always sign in by password and code: theirs
    is the way back when the provider is out of order.
    """
    domain = domain_of(email)
    row = await connection.fetchrow(OF_DOMAIN, domain) if domain else None
    if row is None or not row["is_enforced"]:
        return None
    if await connection.fetchval(OWNS_WITH_SECOND_FACTOR, row["organization_id"], person):
        return None
    return ELSEWHERE.format(row["name"])


async def require_sign_up_allowed(database: Database, settings: AuthSettings, email: str) -> None:
    """Raise FORBIDDEN for an address whose people sign in at an identity provider alone."""
    found = await of_address(database, settings, email)
    if found is not None and found.is_enforced:
        raise Problem("FORBIDDEN", ELSEWHERE.format(found.name))


def sealed(settings: AuthSettings, id: UUID, secret: str) -> bytes:
    """Return the secret of a client, encrypted for its identity provider."""
    return encrypt(settings, PURPOSE, id.bytes, secret.encode())


def _read(settings: AuthSettings, row: Mapping[str, Any]) -> Connection:
    values = dict(row)
    stored = values.pop("client_secret")
    secret = None
    if stored is not None:
        opened = decrypt(settings, PURPOSE, values["id"].bytes, stored)
        if opened is None:
            raise Problem("BUSY", "The secret of the identity provider cannot be decrypted.")
        secret = opened.decode()
    return Connection(**values, secret=secret)
