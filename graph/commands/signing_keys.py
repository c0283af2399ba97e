"""The commands of `gateway signing-key`."""

import asyncio
from typing import Annotated

import typer

app = typer.Typer(help="Manage the keys that sign ID tokens.", no_args_is_help=True)


@app.callback()
def signing_key() -> None:
    """Manage the keys that sign ID tokens."""


@app.command()
def rotate(
    revoke_former: Annotated[
        bool,
        typer.Option(
            "--revoke-former", help="Sign with the new key at once, and revoke all others."
        ),
    ] = False,
) -> None:
    """Create a new key, and print its ID. It signs from tomorrow on."""
    from auth.oauth import signing_keys
    from db.logins import Logins
    from graph.commands.database import opened, running
    from graph.server_secret import with_secret
    from graph.settings import Settings

    settings = with_secret(Settings())

    async def work(at: Logins) -> str:
        async with opened(at) as database:
            return await signing_keys.rotate(database, settings, revoke_former=revoke_former)

    with running(settings) as at:
        typer.echo(asyncio.run(work(at)))
