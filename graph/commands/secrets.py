"""The commands of `gateway secret`."""

import asyncio

import typer

app = typer.Typer(help="Manage the key that encrypts stored secrets.", no_args_is_help=True)


@app.callback()
def secret() -> None:
    """Manage the key that encrypts stored secrets."""


@app.command()
def rotate() -> None:
    """Encrypt with GATEWAY_SECRET what was encrypted with GATEWAY_FORMER_SECRETS."""
    from auth.reencryption import Counts, renew
    from db.logins import OWNER, Logins
    from db.server import connected
    from graph.commands.database import require_migrated, running, say
    from graph.server_secret import with_secret
    from graph.settings import Settings

    settings = with_secret(Settings())

    async def work(at: Logins) -> Counts:
        async with connected(at, OWNER) as connection:
            return await renew(connection, settings)

    with running(settings) as at:
        require_migrated(at)
        found = asyncio.run(work(at))
    say(f"{found.former} renewed, {found.current} current, {found.lost} cannot be decrypted.")
