"""What there is to say to `gateway audit`: the work is in `graph.commands.evidence`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from graph.settings import Settings

app = typer.Typer(
    help="The record of changes: prove that nobody has altered it.", no_args_is_help=True
)

NOBODYS = "00000000-0000-0000-0000-000000000000 is that of events outside of every organization."
Checkpoints = Annotated[
    Path | None,
    typer.Option(help="A file of lines that `gateway audit checkpoint` has printed before."),
]


@app.command()
def verify(
    organization: Annotated[
        str | None, typer.Option(help=f"Its slug or id; by default all. {NOBODYS}")
    ] = None,
    checkpoints: Checkpoints = None,
    file: Annotated[
        Path | None, typer.Option(help="An export, verified without a database.")
    ] = None,
) -> None:
    """Compare every event with the chain of hashes; name the first that does not fit."""
    from graph.commands import evidence

    if file:
        typer.echo(evidence.verify_export(file, checkpoints))
    else:
        evidence.verify(_settings(), organization, checkpoints)


@app.command()
def checkpoint() -> None:
    """Print the head of every chain, a line each; keep them where nobody can change them."""
    from graph.commands import evidence

    for line in evidence.checkpoint(_settings()):
        typer.echo(line)


@app.command()
def export(
    organization: Annotated[str, typer.Option(help=f"Its slug or id. {NOBODYS}")],
    output: Annotated[Path, typer.Option(help="The file; its manifest is put beside it.")],
    from_: Annotated[
        datetime | None, typer.Option("--from", help="Events since this time (UTC).")
    ] = None,
    to: Annotated[datetime | None, typer.Option(help="Events before this time (UTC).")] = None,
) -> None:
    """Write the events of an organization into a file that proves itself."""
    from graph.commands import evidence

    typer.echo(evidence.export(_settings(), organization, from_, to, output))


def _settings() -> "Settings":
    from graph.settings import Settings

    return Settings()
