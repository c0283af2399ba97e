"""Archival of usage by month and its restoration; both are recorded."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg

from auth.events import record
from db.archives.months import drop_empty, month_of, months_before
from db.archives.usage import (
    TABLE,
    UsageManifest,
    UsagePart,
    check_usage_file,
    known_parts,
    last_archived,
    mark,
    note_archive,
    remove,
    write_month,
)
from db.archives.usage import restore as restore_parts
from db.audit.archiving import alone
from db.audit.export import beside
from db.problem import Problem
from graph import VERSION
from graph.commands.archives import CLI, event, free, publish
from graph.commands.database import require_migrated, running
from graph.commands.evidence import writing
from graph.settings import Settings

TEXTS = {
    "archive_usage": "A month of usage was archived.",
    "restore_usage": "An archived month of usage was restored.",
    "unrestore_usage": "A restored month of usage was removed again.",
}


def archive(settings: Settings, before: str | None, folder: Path) -> list[str]:
    """Move each month before this one to a file in the folder; return a line for each.

    A month is removed once its file has been written, read again and verified. Raises Problem.
    """
    if not folder.is_dir():
        raise Problem("INVALID", f"{folder} is not a folder.")
    until = last_archived(month_of(before) if before else None)

    async def work() -> list[str]:
        async with writing(at) as connection, alone(connection):
            months = await months_before(connection, TABLE, until)
            lines = [line for month in months for line in await _month(connection, month, folder)]
            await drop_empty(connection, TABLE, months)
            return lines

    with running(settings) as at:
        require_migrated(at)
        return asyncio.run(work()) or [f"Nothing before {until:%Y-%m} is to be archived."]


async def _month(connection: asyncpg.Connection, month: date, folder: Path) -> list[str]:
    target, lines = free(folder, f"usage-{month:%Y-%m}"), []
    with beside(target) as path:
        async with connection.transaction():
            now = datetime.now(UTC)
            manifest, held = await write_month(connection, month, path, VERSION, now)
        if held:
            lines.append(
                f"{_counted(held, 'organization')} of {month:%Y-%m} stay: under a legal hold, or"
                " with reports that Stripe has not taken."
            )
        if not manifest.parts:
            return lines
        if check_usage_file(path) != manifest:
            raise Problem("INVALID", f"{path} does not have what was written to it.")
        async with connection.transaction():
            await remove(connection, month, manifest.parts)
            await note_archive(connection, manifest, target.name)
            await _note(connection, "archive_usage", manifest, manifest.parts, target.name)
            publish(path, target)
    return [*lines, f"{target} holds {_content(manifest.parts)} of {manifest.month}."]


def restore(settings: Settings, file: Path, *, undo: bool) -> str:
    """Add the rows of a file again, or remove them again; return a summary. Raises Problem."""
    manifest = check_usage_file(file)
    month = month_of(manifest.month)

    async def work() -> list[UsagePart]:
        async with writing(at) as connection, alone(connection):
            async with connection.transaction():
                parts = await known_parts(connection, file, manifest, restored=undo)
                if undo:
                    await remove(connection, month, parts)
                    await mark(connection, month, parts, restored=False)
                else:
                    await restore_parts(connection, file, month, parts)
                action = "unrestore_usage" if undo else "restore_usage"
                await _note(connection, action, manifest, parts, file.name)
            if undo:
                await drop_empty(connection, TABLE, [month])
            return parts

    with running(settings) as at:
        require_migrated(at)
        parts = asyncio.run(work())
    done = "removed again" if undo else "restored"
    if not parts:
        return f"Nothing of {file} is to be {done}."
    return f"{_content(parts)} of {manifest.month} were {done}."


def verify(file: Path) -> str:
    """Verify a file by its manifest, and return a summary. Raises Problem."""
    manifest = check_usage_file(file)
    return f"{file} holds {_content(manifest.parts)} of {manifest.month}."


async def _note(
    connection: asyncpg.Connection,
    action: str,
    manifest: UsageManifest,
    parts: Sequence[UsagePart],
    file: str,
) -> None:
    for part in parts:
        facts = part.model_dump(mode="json", exclude={"organization_id", "organization"})
        facts |= {"month": manifest.month, "file": file}
        await record(connection, event(part.organization_id, action, TEXTS[action], facts), CLI)


def _content(parts: Sequence[UsagePart]) -> str:
    rows = _counted(sum(part.count for part in parts), "row")
    return f"{rows} of {_counted(len(parts), 'organization')}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
