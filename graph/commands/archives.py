"""Archival of the audit log by month, its restoration, and legal holds; each is recorded."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import psutil

from auth.events import Event, record
from auth.session import Origin
from db.archives.month_file import opened
from db.archives.months import drop_empty, month_of, months_before, this_month
from db.audit.archiving import TABLE, alone, note_archive, remove, write_month
from db.audit.export import beside
from db.audit.month_file import ArchivedPart, MonthManifest, check_month_file
from db.audit.restoring import known_parts, mark
from db.audit.restoring import restore as restore_parts
from db.audit.seal import NO_ORGANIZATION
from db.audit.sealing import seal_everything
from db.change import AuditEventType, AuditSeverity
from db.problem import Problem
from db.traits import ResourceType
from graph import VERSION
from graph.commands.database import require_migrated, running
from graph.commands.evidence import chain_of, writing
from graph.settings import Settings

MAX_REASON = 500
"""Characters of the reason for a legal hold."""
HOLD = "INSERT INTO legal_holds (organization_id, reason) VALUES ($1, $2) RETURNING id"
RELEASE = "DELETE FROM legal_holds WHERE id = $1 RETURNING organization_id, reason"
EXISTS = "SELECT EXISTS (SELECT FROM organizations WHERE id = $1)"


def archive(settings: Settings, before: str, folder: Path) -> list[str]:
    """Move each month before this one to a file in the folder; return a line for each.

    A month is removed once its file has been written, read again and verified. If the command
    fails while it is removed, the file stays: the removal may have been committed. Raises
    ChainBrokenError and Problem.
    """
    if not folder.is_dir():
        raise Problem("INVALID", f"{folder} is not a folder.")
    until = month_of(before)
    if until > this_month():
        raise Problem("INVALID", "Only months that are over can be archived.")

    async def work() -> list[str]:
        async with writing(at) as connection:
            await seal_everything(connection)
            async with alone(connection):
                months = await months_before(connection, TABLE, until)
                lines = [await _archive_month(connection, month, folder) for month in months]
                await drop_empty(connection, TABLE, months)
            return [line for line in lines if line]

    with running(settings) as at:
        require_migrated(at)
        return asyncio.run(work()) or [f"Nothing before {before} is to be archived."]


async def _archive_month(connection: asyncpg.Connection, month: date, folder: Path) -> str | None:
    target = free(folder, f"audit-{month:%Y-%m}")
    with beside(target) as path:
        manifest = await write_month(connection, month, path, VERSION)
        if manifest is None:
            return None
        if check_month_file(path) != manifest:
            raise Problem("INVALID", f"{path} does not have what was written to it.")
        async with connection.transaction():
            await remove(connection, manifest.parts)
            await note_archive(connection, manifest, target.name)
            await _note(connection, "archive", manifest, manifest.parts, target.name)
            publish(path, target)
    return f"{target} holds {_content(manifest.parts)} of {manifest.month}."


def restore(settings: Settings, file: Path, *, undo: bool) -> str:
    """Restore the events of a file, or remove them again; return a summary.

    Raises ChainBrokenError and Problem.
    """
    manifest = check_month_file(file)

    async def work() -> list[ArchivedPart]:
        async with writing(at) as connection, alone(connection):
            async with connection.transaction():
                parts = await known_parts(connection, file, manifest, restored=undo)
                if undo:
                    await remove(connection, parts)
                    await mark(connection, parts, restored=False)
                else:
                    with opened(file, MonthManifest) as (archived, _):
                        await restore_parts(connection, archived, parts)
                action = "unrestore" if undo else "restore"
                await _note(connection, action, manifest, parts, file.name)
            if undo:
                await drop_empty(connection, TABLE, [month_of(manifest.month)])
            return parts

    with running(settings) as at:
        require_migrated(at)
        parts = asyncio.run(work())
    done = "removed again" if undo else "restored"
    if not parts:
        return f"Nothing of {file} is to be {done}."
    return f"{_content(parts)} of {manifest.month} were {done}."


def hold(settings: Settings, organization: str, reason: str) -> str:
    """Place a legal hold on an organization, and return its ID in a sentence. Raises Problem."""
    if not reason.strip() or len(reason) > MAX_REASON:
        raise Problem("INVALID", f"The reason must have 1 to {MAX_REASON} characters.")

    async def work() -> UUID:
        async with writing(at) as connection, connection.transaction():
            id = await chain_of(connection, organization)
            if not await connection.fetchval(EXISTS, id):
                raise Problem("NOT_FOUND", f"There is no organization {organization}.")
            placed: UUID = await connection.fetchval(HOLD, id, reason)
            facts = {"hold": str(placed), "reason": reason}
            await record(connection, event(id, "hold", "A legal hold was placed.", facts), CLI)
            return placed

    with running(settings) as at:
        require_migrated(at)
        return f"Legal hold {asyncio.run(work())} was placed on organization {organization}."


def release(settings: Settings, id: UUID) -> str:
    """Release a legal hold. Raises NOT_FOUND."""

    async def work() -> None:
        async with writing(at) as connection, connection.transaction():
            row = await connection.fetchrow(RELEASE, id)
            if row is None:
                raise Problem("NOT_FOUND", f"There is no legal hold {id}.")
            facts = {"hold": str(id), "reason": row["reason"]}
            released = event(row["organization_id"], "release", RELEASED, facts)
            await record(connection, released, CLI)

    with running(settings) as at:
        require_migrated(at)
        asyncio.run(work())
    return f"Legal hold {id} was released."


CLI = Origin(source="cli")
RELEASED = "A legal hold was released."
DESCRIPTIONS = {
    "archive": "A month of the audit log was archived.",
    "restore": "An archived month of the audit log was restored.",
    "unrestore": "A restored month of the audit log was removed again.",
}


async def _note(
    connection: asyncpg.Connection,
    action: str,
    manifest: MonthManifest,
    parts: Sequence[ArchivedPart],
    file: str,
) -> None:
    text = DESCRIPTIONS[action]
    for part in parts:
        facts = part.model_dump(mode="json", exclude={"organization_id", "organization"})
        facts |= {"month": manifest.month, "file": file}
        await record(connection, event(part.organization_id, action, text, facts), CLI)


def event(id: UUID, action: str, description: str, facts: Mapping[str, Any]) -> Event:
    return Event(
        entity_type="Organization",
        entity_id=id,
        organization_id=None if id == NO_ORGANIZATION else id,
        action=action,
        type=AuditEventType.ADMINISTRATION,
        description=description,
        resource=ResourceType.ORGANIZATION,
        control="C1.2",
        severity=AuditSeverity.MEDIUM,
        details={**facts, "account": psutil.Process().username()},
    )


def publish(path: Path, target: Path) -> None:
    """Give the file its name, and sync both to disk."""
    path.replace(target)
    for place in (target, target.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def free(folder: Path, name: str) -> Path:
    """Return a path that no file has: a month has several files if holds have delayed parts."""
    number, path = 1, folder / f"{name}.zip"
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.zip"
    return path


def _content(parts: Sequence[ArchivedPart]) -> str:
    count, chains = sum(part.count for part in parts), len(parts)
    events = "1 event" if count == 1 else f"{count} events"
    return f"{events} in {chains} chain{'' if chains == 1 else 's'}"
