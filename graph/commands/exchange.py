"""Import a file from the command line, and export to one, as a person with their rights."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
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
from auth.session import Origin, Row, ViewerSession
from db.core.projects import Project
from db.logins import Logins
from db.problem import Problem
from db.requirements.import_mappings import ImportMapping
from graph.commands.database import opened, running
from graph.commands.export_options import ExportOptions
from graph.requirements.exchange import (
    Draft,
    ImportOptions,
    ImportResult,
    Source,
    import_draft,
    load,
    parse_map,
    read,
)
from graph.requirements.exchange.exporting import Exported, export
from graph.requirements.exchange.recording import record_export
from graph.requirements.exchange.returned.merging import compare, propose
from graph.requirements.exchange.store.kept import export_of
from graph.settings import Settings


@dataclass(frozen=True)
class ImportArguments:
    """The options of the command that imports, as they were given.

    `mapping` is the ID or the name of a saved mapping of the project. `export` is the ID of the
    export of which the file is a returned copy, and `deletes` whether what it lacks is to be
    deleted then.
    """

    email: str | None = None
    document: str | None = None
    format: str | None = None
    columns: Sequence[str] = ()
    mapping: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    export: str | None = None
    deletes: bool = False
    dry_run: bool = False

    def options(self, saved: Row | None) -> ImportOptions:
        """Return the options of the import; those of a mapping, if they are not given."""
        id = _uuid(self.document)
        columns = {each["column"]: each["field"] for each in saved.columns} if saved else {}
        return ImportOptions(
            document=None if id else self.document,
            document_id=id,
            format=self.format,
            columns=columns | parse_map(self.columns),
            delimiter=_delimiter(self.delimiter) or (saved and saved.delimiter) or None,
            encoding=self.encoding or (saved and saved.encoding) or None,
            dry_run=self.dry_run,
        )


def import_requirements(
    settings: Settings, file: Path, *, project: str, given: ImportArguments
) -> None:
    """Import the file and print the result. Raises Problem when it cannot be imported."""
    given.options(None)  # which refuses what is wrong before the database is opened

    async def work(at: Logins) -> ImportResult:
        async with opened(at) as database:
            email = given.email
            viewer = await (act_for(email, database) if email else act_for_owner(project, database))
            session = ViewerSession(database, viewer, Origin(source="cli"))
            target = await find_project(session, project)
            saved = await _mapping(session, target, given.mapping) if given.mapping else None
            options = given.options(saved)
            source = await asyncio.to_thread(load, file, options.limits)
            draft = await asyncio.to_thread(read, source, options)
            with _Bar() as bar:
                if given.export:
                    return await _return(session, target, source, draft, given, bar)
                _warn(draft)
                return await import_draft(session, target, source, draft, options, bar.show)

    with running(settings) as at:
        _tell(asyncio.run(work(at)))


async def _return(
    session: ViewerSession,
    project: UUID,
    source: Source,
    draft: Draft,
    given: ImportArguments,
    bar: "_Bar",
) -> ImportResult:
    """Propose the edits of a returned file as a change set."""
    id = _uuid(given.export)
    versions = await export_of(session, project, id) if id else None
    if versions is None:
        raise Problem("NOT_FOUND", "There is no such export of the project.")
    merge = await compare(
        session, project, source, draft, versions, deletes=given.deletes, progress=bar.show
    )
    merge.result.dry_run = given.dry_run
    if not given.dry_run:
        async with session.transaction() as transaction:
            await propose(transaction, merge)
        merge.result.notes.append(
            f"proposed as the change set {merge.change_set}." if merge.change_set else "no edits."
        )
    if merge.conflicts:
        merge.result.notes.append(f"{merge.conflicts} conflicts are to be resolved.")
    return merge.result


async def _mapping(session: ViewerSession, project: UUID, name: str) -> Row:
    """Return the mapping of the project with this ID or name. Raises NOT_FOUND."""
    id = _uuid(name)
    named = ImportMapping.id == id if id else ImportMapping.name == name
    rows = await session.rows(ImportMapping, ImportMapping.project_id == project, named, limit=2)
    if len(rows) != 1:
        raise Problem("NOT_FOUND", f"There is no mapping {name!r} in the project.")
    return rows[0]


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
