"""Identities of people: whom a provider's claims name, and how an account gets an identity.

An identity is bound by issuer and subject, for one organization. It becomes that of an account

* when its person is signed in to the account, and connects it there,
* when the organization has verified the domain of the account's address, and the provider has
  verified the address: at once, or after a code if the account has a second factor,
* when there is no account: one is opened, as at sign-up.

An address alone never names an account, and an identity is never replaced by another one.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import UniqueViolationError

from auth.accounts import admission
from auth.accounts.approval import tell_approvers
from auth.accounts.domains import domain_of
from auth.accounts.mail import Outbox
from auth.accounts.sign_in import Person
from auth.accounts.sso.connections import Connection
from auth.credentials.factors import has_second_factor
from auth.credentials.people import add_person, address, person_event, person_name
from auth.events import record
from auth.origin import Origin
from auth.settings import AuthSettings
from db.change import AuditSeverity
from db.pool import NOBODY, Database, Lent
from db.problem import Problem

KNOWN = """
SELECT id, user_id FROM profile_identities
WHERE organization_id = $1 AND issuer = $2 AND subject = $3
"""
OF_PERSON = """
SELECT id, subject FROM profile_identities
WHERE organization_id = $1 AND issuer = $2 AND user_id = $3
"""
ADD = """
INSERT INTO profile_identities (user_id, organization_id, issuer, subject, email)
VALUES ($1, $2, $3, $4, $5) RETURNING id
"""
USED = """
UPDATE profile_identities SET last_used_at = now(), email = coalesce($2, email) WHERE id = $1
"""
LISTED = """
SELECT i.id, p.id AS provider_id, p.name AS provider, o.name AS organization, i.issuer, i.email,
    i.created_at, i.last_used_at
FROM profile_identities AS i
JOIN organizations AS o ON o.id = i.organization_id AND o.deleted_at IS NULL
LEFT JOIN identity_providers AS p ON p.organization_id = i.organization_id
    AND p.issuer = i.issuer AND p.deleted_at IS NULL
WHERE i.user_id = $1
ORDER BY i.created_at DESC, i.id LIMIT $2
"""
REMOVE = """
DELETE FROM profile_identities WHERE id = $1 AND user_id = $2 RETURNING organization_id, issuer
"""
MAX_LISTED = 100
"""The number of identities listed, at most, the latest connected first."""
PERSON = f"""
SELECT p.id, lower(p.email) AS email, coalesce(c.password_hash, '') AS password_hash,
    coalesce(c.password_changed_at, p.created_at) AS password_changed_at, p.status::text,
    p.is_approved,
    EXISTS (SELECT FROM sessions s WHERE s.user_id = p.id) AS has_signed_in,
    {has_second_factor("p.id")} AS has_second_factor,
    EXISTS (SELECT FROM passkeys k WHERE k.user_id = p.id) AS has_passkey
FROM profiles p LEFT JOIN profile_credentials c ON c.user_id = p.id
WHERE p.deleted_at IS NULL AND p.service_of IS NULL AND
"""  # noqa: S608 (ours)
BY_ID, BY_EMAIL = f"{PERSON} p.id = $1", f"{PERSON} lower(p.email) = lower($1)"
IS_OUT = """
SELECT EXISTS (
    SELECT FROM organization_members
    WHERE organization_id = $1 AND user_id = $2
        AND (deleted_at IS NOT NULL OR status NOT IN ('active', 'pending')))
"""
VERIFIED = """
SELECT auto_join FROM organization_domains
WHERE organization_id = $1 AND domain = $2 AND verified_at IS NOT NULL AND deleted_at IS NULL
"""
INVITED = """
SELECT EXISTS (
    SELECT FROM organization_invitations
    WHERE organization_id = $1 AND lower(email) = lower($2) AND status = 'pending'
        AND expires_at > now() AND deleted_at IS NULL)
"""

NOT_A_MEMBER = "You are not a member of {} any more. Ask an administrator."
NOT_VERIFIED = (
    "{} has not confirmed that you have an address at a domain of {}. Sign in with your password,"
    " or ask an administrator."
)
NOT_INVITED = "Ask an administrator of {} to invite you."
SIGN_UP_CLOSED = "Sign-up is closed. Ask an administrator for an account."
ANOTHER = "Your account is connected to another identity at {}. Ask an administrator."
NO_ACCOUNT = "The account of this identity is closed."
NO_SUCH = "There is no such identity."
TAKEN = "This identity is connected to another account."
LINKED = "Your account can be used by {}"
LINKED_TEXT = (
    "Your account has been connected to your identity at {}, the identity provider of {}. Whoever"
    " signs in with that identity signs in to your account."
)


class Identified(NamedTuple):
    """The person whom claims name, and their identity; None before their second factor."""

    person: Person
    identity_id: UUID | None


@dataclass(frozen=True)
class Identity:
    """An identity of a person; `provider_id` and `provider` are None if it signs nobody in now."""

    id: UUID
    provider_id: UUID | None
    provider: str | None
    organization: str
    issuer: str
    email: str | None
    created_at: datetime
    last_used_at: datetime | None


class Claims(NamedTuple):
    """The claims of a provider that the gateway uses; the address only if it is verified."""

    subject: str
    email: str | None
    name: str | None
    session: str | None

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> "Claims":
        email = None
        if claims.get("email_verified") is True and isinstance(claims.get("email"), str):
            with suppress(Problem):
                email = address(claims["email"])
        name = claims.get("name")
        sid = claims.get("sid")
        return cls(
            claims["sub"],
            email,
            name if isinstance(name, str) else None,
            sid if isinstance(sid, str) and len(sid) <= 500 else None,  # noqa: PLR2004 (as issuers)
        )


async def identified(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    connection: Connection,
    claims: Claims,
    origin: Origin,
) -> Identified:
    """Return the person of these claims, whose account is connected or opened if that is due.

    Raises FORBIDDEN with the reason why the person may not come in.
    """
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        known = await lent.fetchrow(
            KNOWN, connection.organization_id, connection.issuer, claims.subject
        )
        if known is not None:
            row = await lent.fetchrow(BY_ID, known["user_id"])
            person = await _admitted(lent, connection, row, NO_ACCOUNT)
            await lent.execute(USED, known["id"], claims.email)
            return Identified(person, known["id"])
        auto_join = await _verified_domain(lent, connection, claims)
        assert claims.email is not None  # noqa: S101 (its domain is verified)
        row = await lent.fetchrow(BY_EMAIL, claims.email)
        if row is not None:
            person = await _admitted(lent, connection, row, NO_ACCOUNT)
            if await lent.fetchrow(
                OF_PERSON, connection.organization_id, connection.issuer, person.id
            ):
                raise Problem("FORBIDDEN", ANOTHER.format(connection.name))
            if person.has_second_factor:
                return Identified(person, None)
            identity = await link(lent, outbox, connection, person, claims, origin)
            return Identified(person, identity)
        invited = await lent.fetchval(INVITED, connection.organization_id, claims.email)
    if not (auto_join or invited):
        raise Problem("FORBIDDEN", NOT_INVITED.format(connection.organization))
    return await _opened(database, settings, outbox, connection, claims, origin)


async def link(
    connection_: Lent,
    outbox: Outbox,
    connection: Connection,
    person: Person,
    claims: Claims,
    origin: Origin,
    *,
    is_new: bool = False,
) -> UUID:
    """Give an account this identity, in this transaction; its person is notified by mail.

    Return the ID of the identity. Raises ALREADY_EXISTS when it is that of another account, or the
    account has another identity there.
    """
    try:
        async with connection_.transaction():
            id: UUID = await connection_.fetchval(
                ADD,
                person.id,
                connection.organization_id,
                connection.issuer,
                claims.subject,
                claims.email,
            )
    except UniqueViolationError:
        raise Problem("ALREADY_EXISTS", TAKEN) from None
    event = person_event(
        "identity_link",
        person.id,
        actor_id=person.id,
        organization_id=connection.organization_id,
        severity=AuditSeverity.MEDIUM,
        details={"issuer": connection.issuer, "identity_id": str(id)},
    )
    await record(connection_, event, origin)
    if not is_new:
        subject = LINKED.format(connection.name)
        outbox.notify(
            person.email, subject, LINKED_TEXT.format(connection.name, connection.organization)
        )
    return id


async def person_of(connection: Lent, id: UUID) -> Person:
    """Return a person by their ID. Raises FORBIDDEN for a closed account."""
    row = await connection.fetchrow(BY_ID, id)
    if row is None:
        raise Problem("FORBIDDEN", NO_ACCOUNT)
    return Person(*row)


async def is_known(
    database: Database, connection: Connection, claims: Claims, person: UUID
) -> bool:
    """Return whether the identity of these claims is that of this person."""
    async with database.auth.lend(NOBODY) as lent:
        known = await lent.fetchrow(
            KNOWN, connection.organization_id, connection.issuer, claims.subject
        )
    return known is not None and known["user_id"] == person


async def of_person(database: Database, person: UUID) -> list[Identity]:
    """Return the identities of a person, the latest connected first."""
    async with database.auth.lend(NOBODY) as lent:
        return [Identity(**row) for row in await lent.fetch(LISTED, person, MAX_LISTED)]


async def remove(database: Database, id: UUID, person: UUID, origin: Origin) -> None:
    """Remove an identity of this person. Raises NOT_FOUND."""
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        row = await lent.fetchrow(REMOVE, id, person)
        if row is None:
            raise Problem("NOT_FOUND", NO_SUCH)
        event = person_event(
            "identity_remove",
            person,
            actor_id=person,
            organization_id=row["organization_id"],
            severity=AuditSeverity.MEDIUM,
            details={"issuer": row["issuer"], "identity_id": str(id)},
        )
        await record(lent, event, origin)


async def _admitted(
    lent: Lent, connection: Connection, row: Mapping[str, Any] | None, otherwise: str
) -> Person:
    if row is None:
        raise Problem("FORBIDDEN", otherwise)
    person = Person(*row.values())
    if person.obstacle:
        raise Problem("FORBIDDEN", person.obstacle)
    if await lent.fetchval(IS_OUT, connection.organization_id, person.id):
        raise Problem("FORBIDDEN", NOT_A_MEMBER.format(connection.organization))
    return person


async def _verified_domain(lent: Lent, connection: Connection, claims: Claims) -> bool:
    """Return whether people of the address's domain join by themselves. Raises FORBIDDEN."""
    domain = domain_of(claims.email) if claims.email else None
    row = await lent.fetchrow(VERIFIED, connection.organization_id, domain) if domain else None
    if row is None:
        message = NOT_VERIFIED.format(connection.name, connection.organization)
        raise Problem("FORBIDDEN", message)
    auto_join: bool = row["auto_join"]
    return auto_join


async def _opened(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    connection: Connection,
    claims: Claims,
    origin: Origin,
) -> Identified:
    """Open an account without a password, whose address the provider has confirmed."""
    if settings.signing_up == "closed":
        raise Problem("FORBIDDEN", SIGN_UP_CLOSED)
    assert claims.email is not None  # noqa: S101 (its domain is verified)
    name, is_approved = None, settings.signing_up == "open"
    with suppress(Problem):
        name = person_name(claims.name)
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        id = await add_person(lent, claims.email, name, None, is_approved, origin)
        person = await person_of(lent, id)
        identity = await link(lent, outbox, connection, person, claims, origin, is_new=True)
    if is_approved:
        await admission.admit(database, id, claims.email, origin)
    else:
        with suppress(Problem):  # the page lists them all the same
            outbox.start(tell_approvers(database, outbox, claims.email, name))
    return Identified(person, identity)
