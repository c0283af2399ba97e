"""Import a file from the command line, and export to one, as a person with their rights."""

import asyncio
import shutil
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from uuid_utils.compat import uuid7

from auth.credentials.identify import act_for, act_for_owner
from auth.session import Origin, ViewerSession
from db.core.projects import Project
from db.logins import Logins
from db.problem import Problem
from graph.commands.database import opened, running
from graph.commands.export_options import ExportOptions
from graph.requirements.exchange import (
    Draft,
    ImportOptions,
    ImportResult,
    import_draft,
    load,
    parse_map,
    read,
)
from graph.requirements.exchange.exporting import Exported, export
from graph.requirements.exchange.recording import record_export, record_import
from graph.settings import Settings


def import_requirements(
    settings: Settings,
    file: Path,
    *,
    email: str | None,
    project: str,
    document: str | None,
    format: str | None,
    columns: list[str],
    delimiter: str | None,
    encoding: str | None,
    dry_run: bool,
) -> None:
    """Import the file and print the result. Raises Problem when it cannot be imported."""
    document_id = _uuid(document)
    options = ImportOptions(
        document=None if document_id else document,
        document_id=document_id,
        format=format,
        columns=parse_map(columns),
        delimiter=_delimiter(delimiter),
        encoding=encoding,
        dry_run=dry_run,
    )

    async def work(at: Logins) -> ImportResult:
        async with opened(at) as database:
            viewer = await (act_for(email, database) if email else act_for_owner(project, database))
            session = ViewerSession(database, viewer, Origin(source="cli"))
            target = await find_project(session, project)
            source = await asyncio.to_thread(load, file, options.limits)
            draft = await asyncio.to_thread(read, source, options)
            _warn(draft)
            with _Bar() as bar:
                done = await import_draft(session, target, source, draft, options, bar.show)
            if not dry_run:
                await record_import(session, target, done.read)
            return done

    with running(settings) as at:
        _tell(asyncio.run(work(at)))


def export_requirements(
    settings: Settings, file: Path, *, email: str | None, project: str, options: ExportOptions
) -> None:
    """Write the file, and print the numbers of what is in it. Raises Problem."""
    arguments = options.arguments(file)

    async def work(at: Logins) -> tuple[Exported, UUID]:
        async with opened(at) as database:
            viewer = await (act_for(email, database) if email else act_for_owner(project, database))
            session = ViewerSession(database, viewer, Origin(source="cli"))
            target = str(await find_project(session, project))
            with _Bar() as bar:
                done = await export(session, {**arguments, "projectId": target}, bar.show)
            with file.open("xb") as target_file, done.written.path.open("rb") as written:
                shutil.copyfileobj(written, target_file)
            id = uuid7()
            async with session.transaction() as transaction:
                await done.keep(transaction, id)
            await record_export(session, UUID(target), done.draft.counts)
            return done, id

    try:
        with running(settings) as at:
            done, id = asyncio.run(work(at))
    except FileExistsError:
        raise Problem("INVALID", f"{file}: the file exists already.") from None
    except OSError as error:
        raise Problem("INVALID", f"{file}: {error.strerror}.") from None
    numbers = ", ".join(f"{count} {what}" for what, count in done.draft.counts.items())
    Console().print(f"written: {numbers}", highlight=False)
    for note in done.draft.notes:
        Console().print(f"note: {note}", highlight=False, markup=False)
    if done.is_returnable:
        Console().print(f"export ID: {id}", highlight=False)


LARGE_IMPORT = 2_000
"""The number of rows from which an import blocks other writers for a noticeable time."""


def _warn(draft: Draft) -> None:
    """Print to standard error, before a large import, which documents nobody else can write."""
    rows = sum(len(each.blocks) + len(each.requirements) for each in draft.documents)
    if rows >= LARGE_IMPORT:
        names = ", ".join(repr(each.name) for each in draft.documents[:3])
        more = " and others" if len(draft.documents) > 3 else ""  # noqa: PLR2004 (as sliced above)
        Console(stderr=True).print(
            f"{rows:,} rows: until they are written, nobody else can write in {names}{more}.",
            highlight=False,
            markup=False,
        )


class _Bar(Progress):
    """A bar for each step of the import, on standard error."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        super().__init__(*columns, TimeElapsedColumn(), console=Console(stderr=True))
        self._steps: dict[str, TaskID] = {}

    def show(self, what: str, done: int, of: int) -> None:
        """Update the progress of a step."""
        if what not in self._steps:
            self._steps[what] = self.add_task(what, total=of)
        self.update(self._steps[what], completed=done, total=of)


async def find_project(session: ViewerSession, name: str) -> UUID:
    """Return the ID of the project with this ID or slug. Raises NOT_FOUND or INVALID."""
    if id := _uuid(name):
        return id
    found = await session.rows(Project, Project.slug == name)
    if len(found) > 1:
        raise Problem("INVALID", f"Several projects are called {name}: name one by its id.")
    if not found:
        raise Problem("NOT_FOUND", f"There is no project {name} that this person can read.")
    id = found[0]["id"]
    assert isinstance(id, UUID)  # noqa: S101 (a row's values are untyped)
    return id


def _delimiter(text: str | None) -> str | None:
    """Return the delimiter: one character, or a tab for `tab`. Raises INVALID for anything else."""
    character = "\t" if text == "tab" else text
    if character is not None and (len(character) != 1 or character in '"\r\n'):
        raise Problem("INVALID", "A delimiter is one character, such as ';', or tab.")
    return character


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _tell(result: ImportResult) -> None:
    console = Console()
    read = ", ".join(f"{count} {what}" for what, count in result.read.items())
    console.print(f"read: {read}", highlight=False)
    for kind, counts in result.by_kind.items():
        if counts is result.properties and not counts.written:
            continue
        console.print(f"{kind}: {counts}", highlight=False)
    if not any(counts.created or counts.updated for counts in result.by_kind.values()):
        console.print("Nothing has changed: the project holds all of it already.")
    for note in result.notes:
        console.print(f"note: {note}", highlight=False, markup=False)
    if result.dry_run:
        console.print("This was a dry run: nothing was kept.")
