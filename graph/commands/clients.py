"""Applications that act for people (OAuth clients), from the command line."""

import asyncio
from typing import Annotated

import typer

app = typer.Typer(help="Applications that act for people (OAuth).", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What people are told it is called.")],
    redirect: Annotated[
        list[str] | None, typer.Option(help="Address that answers may be sent to; repeatable.")
    ] = None,
    scope: Annotated[
        str | None, typer.Option(help="Scopes it may ask for, separated by spaces; all, if none.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="It keeps no secret: it runs at its users.")
    ] = False,
    itself: Annotated[
        bool, typer.Option("--itself", help="It acts for itself, not for people.")
    ] = False,
    first_party: Annotated[
        bool, typer.Option("--first-party", help="It is ours: people are not asked.")
    ] = False,
    resource_server: Annotated[
        bool, typer.Option("--resource-server", help="It may introspect tokens of others.")
    ] = False,
    device: Annotated[
        bool,
        typer.Option("--device", help="It runs on devices that show a code, without a browser."),
    ] = False,
    require_pushed: Annotated[
        bool, typer.Option("--require-pushed", help="It may ask in pushed requests alone.")
    ] = False,
    dpop: Annotated[
        bool, typer.Option("--dpop", help="Its tokens are bound to a key of its own.")
    ] = False,
) -> None:
    """Register an application; print its client_id and, this once, its secret."""
    from auth.oauth.clients import DEVICE_CODE
    from auth.oauth.registry import Registered, register
    from auth.oauth.scopes import SCOPES
    from graph.commands.database import opened, running
    from graph.settings import Settings

    settings = Settings()
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    if itself:
        grant_types = ("client_credentials",)
    elif device:
        grant_types = (DEVICE_CODE, "refresh_token", *grant_types[: bool(redirect)])

    async def work(dsn: str) -> Registered:
        async with opened(dsn, settings) as database:
            return await register(
                database,
                name,
                tuple(redirect or ()),
                scope=" ".join(SCOPES) if scope is None else scope,
                grant_types=grant_types,
                public=public,
                first_party=first_party,
                resource_server=resource_server,
                require_pushed=require_pushed,
                dpop=dpop,
            )

    with running(settings) as dsn:
        made = asyncio.run(work(dsn))
    typer.echo(f"client_id      {made.client_id}")
    if made.secret:
        typer.echo(f"client_secret  {made.secret}")


@app.command("disable")
def disable(
    client_id: Annotated[str, typer.Argument(help="The application.")],
) -> None:
    """End an application and, from the next request on, all its tokens."""
    from auth.oauth import registry
    from db.problem import Problem
    from graph.commands.database import opened, running
    from graph.settings import Settings

    settings = Settings()

    async def work(dsn: str) -> bool:
        async with opened(dsn, settings) as database:
            return await registry.disable(database, client_id)

    with running(settings) as dsn:
        if not asyncio.run(work(dsn)):
            raise Problem("NOT_FOUND", f"There is no application {client_id} that could be ended.")
