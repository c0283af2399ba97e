"""The commands of `gateway audit`; `graph.commands.evidence` does their work."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

if TYPE_CHECKING:
    from graph.settings import Settings

app = typer.Typer(help="Verify and export the audit log.", no_args_is_help=True)

NOBODYS = "00000000-0000-0000-0000-000000000000 stands for events without an organization."
Checkpoints = Annotated[
    Path | None,
    typer.Option(help="A file with the output of earlier runs of `gateway audit checkpoint`."),
]


@app.command()
def verify(
    organization: Annotated[
        str | None,
        typer.Option(help=f"The slug or ID of the organization. All by default. {NOBODYS}"),
    ] = None,
    checkpoints: Checkpoints = None,
    file: Annotated[
        Path | None, typer.Option(help="An export to verify. Needs no database.")
    ] = None,
) -> None:
    """Verify the hash chain of the audit log. Prints the first event that does not match."""
    from graph.commands import evidence

    if file:
        typer.echo(evidence.verify_export(file, checkpoints))
    else:
        evidence.verify(_settings(), organization, checkpoints)


@app.command()
def checkpoint() -> None:
    """Print the head of every hash chain, one per line. Store the output in another place."""
    from graph.commands import evidence

    for line in evidence.checkpoint(_settings()):
        typer.echo(line)


@app.command()
def export(
    organization: Annotated[
        str, typer.Option(help=f"The slug or ID of the organization. {NOBODYS}")
    ],
    output: Annotated[
        Path, typer.Option(help="The file to write. Its manifest is written to the same folder.")
    ],
    from_: Annotated[
        datetime | None, typer.Option("--from", help="The time of the first event (UTC).")
    ] = None,
    to: Annotated[
        datetime | None, typer.Option(help="The time after the last event (UTC).")
    ] = None,
) -> None:
    """Export the events of an organization to a file that can be verified without a database."""
    from graph.commands import evidence

    typer.echo(evidence.export(_settings(), organization, from_, to, output))


@app.command("evidence")
def evidence_of_signatures(
    organization: Annotated[str, typer.Argument(help="The slug or ID of the organization.")],
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    review: Annotated[
        UUID | None, typer.Option(help="The ID of a review: only it and its verdicts.")
    ] = None,
    baseline: Annotated[UUID | None, typer.Option(help="The ID of a baseline: only it.")] = None,
) -> None:
    """Export signatures with what they sign to one file that can be verified without a database."""
    from graph.commands import signatures

    typer.echo(signatures.export(_settings(), organization, review, baseline, file))


def _settings() -> "Settings":
    from graph.settings import Settings

    return Settings()
