"""Evidence for auditors: verifying, exporting and witnessing the audit log.

The commands work as the owner of the tables, across tenants, and never change the log. They only
append: the event of an export, and checkpoints.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import psutil
import typer

from auth.events import Event, record
from auth.session import Origin
from db.audit import verification
from db.audit.archive_file import check_archive
from db.audit.chain import ChainBrokenError, clock
from db.audit.checkpoint import Checkpoint, make_checkpoints, read_checkpoints
from db.audit.export import Manifest, check_export, drafted, manifest_of
from db.audit.month_file import check_month_file, is_month_file
from db.audit.seal import NO_ORGANIZATION
from db.audit.sealing import seal_everything
from db.change import AuditEventType, AuditSeverity
from db.logins import OWNER, Logins
from db.problem import Problem
from db.server import connected
from db.traits import ResourceType
from graph import VERSION
from graph.commands.database import require_migrated, running
from graph.settings import Settings

MAX_FAULTS = 20
"""The most faults that the event of a verification names."""

# An id before a slug, which its organization has chosen and which may look like another's id.
FIND = """
SELECT coalesce(
    (SELECT organization_id FROM audit_seals WHERE organization_id = $2 LIMIT 1),
    (SELECT id FROM organizations WHERE id = $2),
    (SELECT id FROM organizations WHERE slug = $1 AND deleted_at IS NULL)
)
"""


def verify(settings: Settings, organization: str | None, checkpoints: Path | None) -> None:
    """Verify one chain or all, and print how many events hold. Raises ChainBrokenError, Problem.

    The verification is itself recorded, unless the database is read only.
    """
    witnesses = read_checkpoints(checkpoints) if checkpoints else []

    async def work(at: Logins) -> list[verification.Verdict]:
        async with connected(at, OWNER) as connection:
            chain = await chain_of(connection, organization) if organization else None
            verdicts = [one async for one in verification.verify(connection, chain, witnesses)]
            with suppress(asyncpg.ReadOnlySQLTransactionError):
                await record(connection, _verified(chain, verdicts), Origin(source="cli"))
            return verdicts

    with running(settings) as at:
        require_migrated(at)
        verdicts = asyncio.run(work(at))
    typer.echo(_summary(verdicts))
    if faults := [verdict.fault for verdict in verdicts if verdict.fault]:
        raise ChainBrokenError("\n".join(faults))


def verify_export(file: Path, checkpoints: Path | None) -> str:
    """Verify an export by itself, and return a summary of it. Raises ChainBrokenError, Problem."""
    known = read_checkpoints(checkpoints) if checkpoints else []
    if file.suffix != ".zip":
        return f"{file} holds {_content(check_export(file, known))}."
    if is_month_file(file):
        month = check_month_file(file, known)
        return (
            f"{file} holds {_counted(month.count, 'event')} of {month.month} in"
            f" {_counted(len(month.parts), 'chain')}, each with its seal."
        )
    manifest = check_archive(file, known)
    chain = verification.Chain(manifest.organization_id, manifest.organization)
    which = "" if manifest.filter is None else " that match a filter"
    hidden = f", of which {manifest.withheld} are not shown" if manifest.withheld else ""
    return (
        f"{file} holds {_counted(manifest.count, 'event')} of {chain}{which}, each with its seal"
        f"{hidden}; number {manifest.head_seq}, head {manifest.head_hash.hex()}."
    )


def checkpoint(settings: Settings) -> list[str]:
    """Seal everything, and return the heads of all chains as JSON; the database stores them, too.

    Raises Problem.
    """

    async def work(at: Logins) -> list[Checkpoint]:
        async with writing(at) as connection:
            await seal_everything(connection)
            return await make_checkpoints(connection)

    with running(settings) as at:
        require_migrated(at)
        return [one.model_dump_json() for one in asyncio.run(work(at))]


def export(
    settings: Settings,
    organization: str,
    from_time: datetime | None,
    to_time: datetime | None,
    output: Path,
) -> str:
    """Export a chain, and return a summary of the file. Times without a zone are UTC.

    The export is itself recorded before the file gets its name. Raises ChainBrokenError, Problem.
    """

    async def work(at: Logins) -> Manifest:
        async with writing(at) as connection:
            await seal_everything(connection)
            id = await chain_of(connection, organization)
            chain = await verification.named(connection, id)
            span = (_utc(from_time), _utc(to_time))
            async with drafted(connection, chain, *span, output, VERSION) as draft:
                await record(connection, _exported(draft.manifest, output), Origin(source="cli"))
                draft.publish()
            return draft.manifest

    with running(settings) as at:
        require_migrated(at)
        manifest = asyncio.run(work(at))
    return f"{output} and {manifest_of(output).name} hold {_content(manifest)}."


@asynccontextmanager
async def writing(at: Logins) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection that can write. Raises UnreachableError; INVALID on a replica."""
    try:
        async with connected(at, OWNER) as connection:
            yield connection
    except asyncpg.ReadOnlySQLTransactionError as error:
        raise Problem(
            "INVALID",
            "This database is read only, such as a replica: it can be verified, but exports and"
            " checkpoints are recorded, and so need the primary.",
        ) from error


async def chain_of(connection: asyncpg.Connection, organization: str) -> UUID:
    """Return the ID of the organization with this slug or ID, also of a deleted one."""
    try:
        id = UUID(organization)
    except ValueError:
        id = None
    if id == NO_ORGANIZATION:
        return NO_ORGANIZATION
    found: UUID | None = await connection.fetchval(FIND, organization, id)
    if found is None:
        raise Problem("NOT_FOUND", f"There is no organization {organization}.")
    return found


def _exported(manifest: Manifest, output: Path) -> Event:
    facts = manifest.model_dump(
        mode="json", exclude={"organization_id", "organization"}, exclude_none=True
    )
    return export_event(
        manifest.organization_id, "The record of changes was exported.", facts, output
    )


def export_event(id: UUID, description: str, facts: Mapping[str, Any], output: Path) -> Event:
    """Return the event of an export of the chain of an organization."""
    return Event(
        entity_type="Organization",
        entity_id=id,
        organization_id=None if id == NO_ORGANIZATION else id,
        action="export",
        type=AuditEventType.EXPORT,
        description=description,
        resource=ResourceType.ORGANIZATION,
        control="CC6.7",
        severity=AuditSeverity.MEDIUM,
        details={**facts, "file": output.name, "account": psutil.Process().username()},
    )


def _verified(chain: UUID | None, verdicts: list[verification.Verdict]) -> Event:
    """Return the event of a verification: outside of every organization, whose chains it reads."""
    faults = [verdict.fault for verdict in verdicts if verdict.fault]
    outcome = "It found faults." if faults else "All events hold."
    return Event(
        entity_type="Organization",
        entity_id=chain or NO_ORGANIZATION,
        action="verify",
        type=AuditEventType.ADMINISTRATION,
        description=f"The record of changes was verified. {outcome}",
        resource=ResourceType.ORGANIZATION,
        control="CC7.2",
        severity=AuditSeverity.CRITICAL if faults else AuditSeverity.LOW,
        details={
            "chains": len(verdicts),
            "events": sum(verdict.verified for verdict in verdicts),
            "archived": sum(verdict.archived for verdict in verdicts),
            "faults": faults[:MAX_FAULTS],
            "account": psutil.Process().username(),
        },
    )


def _utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time and time.tzinfo is None else time


def _content(manifest: Manifest) -> str:
    chain = verification.Chain(manifest.organization_id, manifest.organization)
    return (
        f"{_counted(manifest.count, 'event')} of {chain}, numbers {manifest.first_seq} to"
        f" {manifest.last_seq}, head {manifest.head_hash.hex()}"
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _summary(verdicts: list[verification.Verdict]) -> str:
    verified = sum(verdict.verified for verdict in verdicts)
    told = f"{_counted(verified, 'event')} verified in {_counted(len(verdicts), 'chain')}"
    if archived := sum(verdict.archived for verdict in verdicts):
        told += f" and {_counted(archived, 'event')} passed over, which archives have"
    waiting = [verdict.unsealed for verdict in verdicts if verdict.unsealed.count]
    if not waiting:
        return f"{told}; all are sealed."
    count = sum(unsealed.count for unsealed in waiting)
    oldest = min(unsealed.oldest for unsealed in waiting if unsealed.oldest)
    return f"{told}; {count} not yet sealed, the oldest of {clock(oldest)}."
