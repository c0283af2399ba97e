"""The commands of `gateway account`: suspend, reopen, export and erase the account of a person."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from auth.accounts.mail import Outbox
    from db.pool import Database
    from graph.settings import Settings

T = TypeVar("T")
app = typer.Typer(help="Suspend, reopen, export and erase accounts of users.", no_args_is_help=True)
Person = Annotated[str, typer.Argument(help="The email address or the ID of the user.")]


@app.command()
def suspend(
    person: Person,
    reason: Annotated[str, typer.Option(help="The reason, for the audit log.")] = "",
) -> None:
    """Suspend an account: sessions and tokens end, memberships stay."""
    from auth.accounts import suspension

    async def work(database: "Database", outbox: "Outbox") -> bool:
        return await suspension.suspend(database, outbox, person, reason)

    done = _run(work)
    _say(f"{person} is suspended." if done else f"{person} was suspended already.")


@app.command()
def reopen(person: Person) -> None:
    """Reopen a suspended or closed account."""
    from auth.accounts import suspension

    async def work(database: "Database", outbox: "Outbox") -> bool:
        return await suspension.reopen(database, outbox, person)

    done = _run(work)
    _say(f"{person} is reopened." if done else f"{person} was open already.")


@app.command()
def export(
    person: Person,
    output: Annotated[Path, typer.Option(help="The file to create, as JSON lines.")],
) -> None:
    """Write everything that is stored about a user to a file, readable by its owner only."""
    from auth.accounts import erasure
    from auth.accounts import export as exporting
    from auth.credentials.people import FROM_HERE

    async def work(database: "Database", outbox: "Outbox") -> int:
        id = await erasure.person_of(database, person)
        number = 0
        with output.open("x", encoding="utf-8") as file:
            output.chmod(0o600)
            about = exporting.lines(database, outbox.settings, id, None, FROM_HERE)
            async for line in about:
                file.write(line)
                number += 1
        return number

    _say(f"{output} holds {_run(work)} lines about {person}.")


@app.command()
def erase(
    person: Person,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Close an account and erase the personal data of the user. This cannot be undone."""
    from auth.accounts import erasure

    if not yes:
        typer.confirm(f"Erase {person}? This cannot be undone.", abort=True, err=True)

    async def work(database: "Database", outbox: "Outbox") -> erasure.Erased:
        return await erasure.erase(database, outbox, person)

    erased = _run(work)
    if not erased.counts:
        _say(f"{erased.person} was erased already.")
    for table, number in sorted(erased.counts.items()):
        typer.echo(f"{table:<28}{number}")


def _run(work: "Callable[[Database, Outbox], Awaitable[T]]") -> T:
    from auth.accounts.mail import Outbox
    from db.logins import Logins
    from graph.commands.database import opened, require_migrated, running
    from graph.server_secret import with_secret

    settings = with_secret(_settings())

    async def run(at: Logins) -> T:
        outbox = Outbox(settings)
        async with opened(at) as database:
            result = await work(database, outbox)
            await outbox.settle(within=60)
            return result

    with running(settings) as at:
        require_migrated(at)
        return asyncio.run(run(at))


def _settings() -> "Settings":
    from graph.settings import Settings

    return Settings()


def _say(text: str) -> None:
    from graph.commands.database import say

    say(text)
