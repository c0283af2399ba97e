"""Import test results from the command line, as a person who may write."""

import asyncio
from pathlib import Path

from rich.console import Console

from auth.credentials.identify import act_for, act_for_owner
from auth.session import Origin, ViewerSession
from db.logins import Logins
from graph.commands.database import opened, running
from graph.commands.exchange import find_project
from graph.requirements.exchange.files.source import load
from graph.requirements.exchange.formats.junit.reader import looks_like_junit
from graph.requirements.exchange.formats.junit.recording import (
    ResultOptions,
    ResultsImport,
    UnknownTests,
    import_results,
)
from graph.requirements.exchange.model.draft import Limits
from graph.settings import Settings

SHOWN = 20
"""The most names of a list that are printed."""


def ends_in_junit(file: Path) -> bool:
    """Return whether a file is XML by its ending, and JUnit XML by its first element."""
    return file.suffix.lower() == ".xml" and looks_like_junit(load(file, Limits()))


def import_test_results(
    settings: Settings,
    file: Path,
    *,
    email: str | None,
    project: str,
    create: bool,
    version: str | None,
    environment: str | None,
    dry_run: bool,
) -> None:
    """Import the results of a file and print the outcome. Raises Problem when it cannot."""
    options = ResultOptions(
        unknown=UnknownTests.CREATE if create else UnknownTests.REPORT,
        environment=environment,
        version=version,
        dry_run=dry_run,
    )

    async def work(at: Logins) -> ResultsImport:
        async with opened(at) as database:
            viewer = await (act_for(email, database) if email else act_for_owner(project, database))
            session = ViewerSession(database, viewer, Origin(source="cli"))
            target = await find_project(session, project)
            source = await asyncio.to_thread(load, file, options.limits)
            return await import_results(session, target, source, options)

    with running(settings) as at:
        _print(asyncio.run(work(at)))


def _print(result: ResultsImport) -> None:
    console = Console()
    read = ", ".join(f"{count} {status.name}" for status, count in sorted(result.read.items()))
    console.print(f"read: {result.suites} suites, {read or 'no test cases'}", highlight=False)
    console.print(f"test cases: {result.created} created", highlight=False)
    console.print(f"executions: {result.recorded} recorded", highlight=False)
    for names, what in (
        (result.unknown, "not in the project"),
        (result.unassigned, "without a requirement"),
        (result.missing, "named as requirements, and not in the project"),
    ):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            listed = ", ".join(names[:SHOWN])
            console.print(f"{what}: {listed}{more}", highlight=False, markup=False)
    for note in result.notes:
        console.print(f"note: {note}", highlight=False, markup=False)
    if result.dry_run:
        console.print("This was a dry run: nothing was kept.")
