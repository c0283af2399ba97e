"""Alerts and verifications of the audit log, as functions of PostgreSQL make them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from uuid_utils.compat import uuid7

from db.pool import NOBODY, Database, Lent

RAISE = "SELECT more, raised FROM ctx.raise_audit_alerts($1, $2)"
CHAINS = "SELECT * FROM ctx.audit_chains($1, $2)"
VERIFY = "SELECT last, head, wrong, reason FROM ctx.verify_audit_chain($1, $2, $3)"
KEEP = """
INSERT INTO audit_verifications
    (id, organization_id, started_at, event_count, last_seq, head_hash, fault)
SELECT $1, $2, $3, $4, $4, $5, $6
WHERE EXISTS (SELECT FROM organizations WHERE id = $2)
"""
PRUNE = "DELETE FROM audit_verifications WHERE created_at < now() - $1::interval"
FIRST = UUID(int=0)


@dataclass(frozen=True)
class Raised:
    """An alert that was raised, and the administrators of its organization."""

    id: UUID
    organization_id: UUID
    level: str
    administrators: Sequence[UUID]


class Verified(NamedTuple):
    """A part of a chain: the last number that holds with its hash, and the first fault after it."""

    last: int
    head: bytes
    wrong: int | None
    reason: str | None


async def raise_alerts(lent: Lent, batch: int, quiet: timedelta) -> tuple[list[Raised], bool]:
    """Raise the alerts of this number of events; return them, and whether more events wait.

    An alert about the same rule, person and organization is raised once in the time `quiet`. The
    connection is in a transaction.
    """
    row = await lent.fetchrow(RAISE, batch, quiet)
    assert row is not None  # noqa: S101 (a function's OUT parameters are one row)
    alerts = [
        Raised(
            UUID(each["id"]),
            UUID(each["organization_id"]),
            each["level"],
            [UUID(person) for person in each["administrators"]],
        )
        for each in row["raised"]
    ]
    return alerts, row["more"]


async def chains(database: Database, after: UUID, most: int) -> list[UUID]:
    """Return the organizations with a chain, in the order of their IDs, after this one."""
    async with database.auth.lend(NOBODY) as lent:
        return [UUID(str(row[0])) for row in await lent.fetch(CHAINS, after, most)]


async def verify_part(database: Database, chain: UUID, after: int, batch: int) -> Verified:
    """Verify the events of a chain after this number, at most so many."""
    async with database.auth.lend(NOBODY) as lent:
        row = await lent.fetchrow(VERIFY, chain, after, batch)
    assert row is not None  # noqa: S101 (a function's OUT parameters are one row)
    return Verified(*row)


async def keep_verification(
    database: Database, chain: UUID, started_at: datetime, verified: Verified, fault: str | None
) -> None:
    """Store the result of the verification of an organization that exists."""
    async with database.auth.lend(NOBODY) as lent:
        values = (uuid7(), chain, started_at, verified.last, verified.head, fault)
        await lent.execute(KEEP, *values)


async def prune_verifications(database: Database, older: timedelta) -> None:
    """Delete the results that are older."""
    async with database.auth.lend(NOBODY) as lent:
        await lent.execute(PRUNE, older)
