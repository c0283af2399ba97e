"""The queue of assessments, as the gateway's own workers use it, for all organizations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from db.pool import NOBODY, Database
from graph.compliance.definitions import definition_of
from graph.compliance.judging.findings import Finding, Known, Verified

LEASE = timedelta(minutes=2)


@dataclass(frozen=True)
class Claimed:
    """An assessment that a worker holds under this lease."""

    id: UUID
    organization_id: UUID
    user_id: UUID
    lease_id: UUID
    attempt: int
    document: Mapping[str, Any]
    frameworks: Sequence[Mapping[str, Any]]

    @classmethod
    def read(cls, claimed: Mapping[str, Any]) -> "Claimed":
        """Return what the database has answered."""
        return cls(
            id=UUID(claimed["id"]),
            organization_id=UUID(claimed["organization_id"]),
            user_id=UUID(claimed["user_id"]),
            lease_id=UUID(claimed["lease_id"]),
            attempt=claimed["attempt"],
            document=claimed["document"],
            frameworks=claimed["frameworks"],
        )

    @property
    def known(self) -> list[Known]:
        """Return the requirements of all frameworks."""
        return self.requirements_of(self.frameworks)

    @staticmethod
    def requirements_of(frameworks: Sequence[Mapping[str, Any]]) -> list[Known]:
        """Return the requirements of frameworks, as the database answers them."""
        return [
            Known(framework["code"], requirement)
            for framework in frameworks
            for requirement in definition_of(framework["definition"]).requirements
        ]


class Lost(Exception):
    """The lease is over: another worker may have the assessment."""


async def claim(database: Database, worker: str, lease: timedelta = LEASE) -> Claimed | None:
    """Claim the oldest pending assessment of the tenant in turn; None if there is none."""
    async with database.auth.lend(NOBODY) as lent:
        found = await lent.fetchval(
            "SELECT ctx.claim_assessments(1, $1, NULL, $2, NULL)", lease, worker
        )
    return Claimed.read(found[0]) if found else None


async def extend(
    database: Database, held: Claimed, share: float | None, findings: Sequence[Finding] = ()
) -> None:
    """Extend the lease, and show what was found so far. Raises Lost."""
    partial = {"findings": [finding.model_dump(mode="json") for finding in findings]}
    text = orjson.dumps(partial).decode() if share is not None else None
    await _held(
        database,
        "SELECT ctx.extend_assessment($1, $2, $3, $4, $5::jsonb, NULL)",
        held.id,
        held.lease_id,
        LEASE,
        share,
        text,
    )


async def complete(database: Database, held: Claimed, verified: Verified, model: str) -> None:
    """Complete an assessment. Raises Lost."""
    await _held(
        database,
        "SELECT ctx.complete_assessment($1, $2, $3::jsonb, $4::jsonb, $5, $6, NULL)",
        held.id,
        held.lease_id,
        orjson.dumps(verified.results).decode(),
        orjson.dumps(verified.severity_counts).decode(),
        verified.score,
        model,
    )


async def fail(database: Database, held: Claimed, reason: str, *, final: bool) -> None:
    """End an attempt in failure. Raises Lost."""
    await _held(
        database,
        "SELECT ctx.fail_assessment($1, $2, $3, $4, NULL)",
        held.id,
        held.lease_id,
        reason,
        final,
    )


async def pages_of(database: Database, held: Claimed) -> list[str]:
    """Return the pages of the document; none before its text was extracted. Raises Lost."""
    statement = "SELECT ctx.pages_of_assessment($1, $2, NULL)"
    pages: list[str] = await _held(database, statement, held.id, held.lease_id)
    return pages


async def store_pages(database: Database, document: UUID, pages: Sequence[str]) -> None:
    """Store the text of a document, once."""
    async with database.auth.lend(NOBODY) as lent:
        await lent.execute("SELECT ctx.store_pages($1, $2)", document, list(pages))


async def _held(database: Database, statement: str, *values: Any) -> Any:
    async with database.auth.lend(NOBODY) as lent:
        result = await lent.fetchval(statement, *values)
    if result is None:
        raise Lost
    return result
