"""The commands of `gateway usage`; `graph.commands.usage_archives` does their work."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from graph.settings import Settings

app = typer.Typer(help="Archive the usage of organizations by month.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="The file of an archived month.")]


@app.command()
def archive(
    to: Annotated[Path, typer.Option(help="The folder for the files, one for each month.")],
    before: Annotated[
        str | None,
        typer.Option(
            help="The month up to which to archive, such as 2026-09. By default, all are archived"
            " but the current month and three before it."
        ),
    ] = None,
) -> None:
    """Move months of usage to files. What is not reported to Stripe stays, and so do the sums."""
    from graph.commands import usage_archives

    for line in usage_archives.archive(_settings(), before, to):
        typer.echo(line)


@app.command()
def restore(
    file: File,
    undo: Annotated[
        bool, typer.Option("--undo", help="Remove the restored rows of the file again.")
    ] = False,
) -> None:
    """Add the rows of an archived month again, for reading. Sums do not change."""
    from graph.commands import usage_archives

    typer.echo(usage_archives.restore(_settings(), file, undo=undo))


@app.command()
def verify(file: File) -> None:
    """Verify the file of an archived month by its manifest. Needs no database."""
    from graph.commands import usage_archives

    typer.echo(usage_archives.verify(file))


def _settings() -> "Settings":
    from graph.settings import Settings

    return Settings()
