"""`gateway framework`: keep the frameworks that documents are assessed against."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from db.logins import Logins
    from db.pool import Database
    from graph.compliance.keeping import Kept

app = typer.Typer(
    help="Keep the frameworks that documents are assessed against.", no_args_is_help=True
)


@app.command()
def add(
    file: Annotated[
        str, typer.Argument(help="A JSON file, or SOC2 or GDPR, which come with the gateway.")
    ],
) -> None:
    """Add a framework, or a new revision of the one with its code."""
    from graph.compliance import keeping

    read = keeping.file_of(file)

    async def work(database: "Database") -> list["Kept"]:
        return [await keeping.add(database, read)]

    _run(work)


@app.command()
def deactivate(
    code: Annotated[str, typer.Argument(help="The code of the framework.")],
) -> None:
    """End new assessments against a framework. Reports keep what they were run against."""
    from graph.compliance import keeping

    async def work(database: "Database") -> list["Kept"]:
        return [await keeping.deactivate(database, code)]

    _run(work)


@app.command("list")
def list_() -> None:
    """List the frameworks."""
    from graph.compliance import keeping

    _run(keeping.listed)


def _run(work: "Callable[[Database], Awaitable[Iterable[Kept]]]") -> None:
    from graph.commands.database import opened, require_migrated, running
    from graph.settings import Settings

    async def run(at: "Logins") -> list[str]:
        async with opened(at) as database:
            return [str(kept) for kept in await work(database)]

    with running(Settings()) as at:
        require_migrated(at)
        for line in asyncio.run(run(at)):
            typer.echo(line)
