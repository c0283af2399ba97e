"""Importing a file from the command line, in the name of somebody who may write."""

import asyncio
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

from auth.identify import act_for, act_for_owner
from auth.session import Origin, ViewerSession
from db.core.projects import Project
from db.problem import Problem
from graph.commands.database import opened, running
from graph.requirements.exchange import (
    Format,
    ImportOptions,
    ImportResult,
    import_file,
    parse_map,
)
from graph.settings import Settings


def import_requirements(
    settings: Settings,
    file: Path,
    *,
    email: str | None,
    project: str,
    document: str | None,
    format: Format | None,
    columns: list[str],
    dry_run: bool,
) -> None:
    """Import the file and tell what became of it. Raises Problem when it cannot be imported."""
    document_id = _uuid(document)
    options = ImportOptions(
        document=None if document_id else document,
        document_id=document_id,
        format=format,
        columns=parse_map(columns),
        dry_run=dry_run,
    )

    async def work(dsn: str) -> ImportResult:
        async with opened(dsn, settings) as database:
            viewer = await (act_for(email, database) if email else act_for_owner(project, database))
            session = ViewerSession(database, viewer, Origin(source="cli"))
            with _Bar() as bar:
                return await import_file(
                    session, await _project(session, project), file, options, bar.show
                )

    with running(settings) as dsn:
        _tell(asyncio.run(work(dsn)))


class _Bar(Progress):
    """A bar for each step of the import, on standard error."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        super().__init__(*columns, TimeElapsedColumn(), console=Console(stderr=True))
        self._steps: dict[str, TaskID] = {}

    def show(self, what: str, done: int, of: int) -> None:
        """Show how far a step is."""
        if what not in self._steps:
            self._steps[what] = self.add_task(what, total=of)
        self.update(self._steps[what], completed=done, total=of)


async def _project(session: ViewerSession, name: str) -> UUID:
    if id := _uuid(name):
        return id
    found = await session.rows(Project, Project.slug == name)
    if len(found) > 1:
        raise Problem("INVALID", f"Several projects are called {name}: name one by its id.")
    if not found:
        raise Problem("NOT_FOUND", f"There is no project {name} that this person sees.")
    id = found[0]["id"]
    assert isinstance(id, UUID)  # noqa: S101 (a row's values are untyped)
    return id


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
        console.print(f"{kind}: {counts}", highlight=False)
    if not any(counts.created or counts.updated for counts in result.by_kind.values()):
        console.print("Nothing has changed: the project holds all of it already.")
    for note in result.notes:
        console.print(f"note: {note}", highlight=False, markup=False)
    if result.dry_run:
        console.print("This was a dry run: nothing was kept.")
