"""The commands of `gateway audit`; `graph.commands.evidence` does their work."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

if TYPE_CHECKING:
    from graph.settings import Settings

app = typer.Typer(help="Verify, export and archive the audit log.", no_args_is_help=True)

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
        Path | None,
        typer.Option(help="An export or an archived month to verify. Needs no database."),
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


@app.command()
def archive(
    before: Annotated[str, typer.Option(help="The month up to which to archive, such as 2026-09.")],
    to: Annotated[Path, typer.Option(help="The folder for the files, one for each month.")],
) -> None:
    """Move the months before another one to files. Organizations under a legal hold stay."""
    from graph.commands import archives

    for line in archives.archive(_settings(), before, to):
        typer.echo(line)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="The file of an archived month.")],
    undo: Annotated[
        bool, typer.Option("--undo", help="Remove the restored events of the file again.")
    ] = False,
) -> None:
    """Add the events of an archived month to the audit log again, for reading."""
    from graph.commands import archives

    typer.echo(archives.restore(_settings(), file, undo=undo))


@app.command()
def hold(
    organization: Annotated[str, typer.Argument(help="The slug or ID of the organization.")],
    reason: Annotated[str, typer.Option(help="The reason, such as the name of the case.")],
) -> None:
    """Place a legal hold: events are not archived, and deleted objects are not purged."""
    from graph.commands import archives

    typer.echo(archives.hold(_settings(), organization, reason))


@app.command()
def release(
    hold: Annotated[UUID, typer.Argument(help="The ID of the legal hold.")],
) -> None:
    """Release a legal hold. An organization may have others."""
    from graph.commands import archives

    typer.echo(archives.release(_settings(), hold))


def _settings() -> "Settings":
    from graph.settings import Settings

    return Settings()
