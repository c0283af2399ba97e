"""Applications that act for people (OAuth clients), from the command line."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Manage OAuth clients.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="The name that is shown to users.")],
    redirect: Annotated[list[str] | None, typer.Option(help="A redirect URI. Repeatable.")] = None,
    scope: Annotated[
        str | None,
        typer.Option(
            help="The scopes it may request, separated by spaces. The default is all except admin."
        ),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="A public client, which has no secret.")
    ] = False,
    itself: Annotated[
        bool,
        typer.Option(
            "--itself", help="Use the client credentials grant instead of acting for users."
        ),
    ] = False,
    first_party: Annotated[
        bool,
        typer.Option(
            "--first-party", help="A first-party client, which needs no consent of users."
        ),
    ] = False,
    resource_server: Annotated[
        bool,
        typer.Option(
            "--resource-server", help="Allow it to introspect the tokens of other clients."
        ),
    ] = False,
    exchange: Annotated[
        bool,
        typer.Option(
            "--exchange", help="Allow token exchange: the client acts for users of other clients."
        ),
    ] = False,
    device: Annotated[
        bool,
        typer.Option("--device", help="Allow the device authorization grant."),
    ] = False,
    require_pushed: Annotated[
        bool, typer.Option("--require-pushed", help="Accept pushed authorization requests only.")
    ] = False,
    dpop: Annotated[bool, typer.Option("--dpop", help="Bind its tokens to a key (DPoP).")] = False,
    jwks: Annotated[
        Path | None,
        typer.Option(help="A file with its public keys (JWK Set), in place of a secret."),
    ] = None,
    jwks_uri: Annotated[
        str | None,
        typer.Option(help="The https address of its public keys, in place of a secret."),
    ] = None,
    post_logout: Annotated[
        list[str] | None,
        typer.Option(help="A URI to return to after signing out (OpenID Connect). Repeatable."),
    ] = None,
) -> None:
    """Register a client, and print its client_id and secret. The secret cannot be shown again."""
    from auth.oauth import client_metadata
    from auth.oauth.clients import DEVICE_CODE, EXCHANGE
    from auth.oauth.registry import Registered, register
    from auth.policy.scope_names import OPEN_SCOPES
    from db.logins import Logins
    from graph.commands.database import opened, running
    from graph.commands.options import refuse_options
    from graph.settings import Settings

    settings = Settings()
    if jwks or jwks_uri:
        with_keys = {"--public": public, "--jwks-uri": jwks and jwks_uri}
        refuse_options(with_keys, "--jwks" if jwks else "--jwks-uri")
    keys = client_metadata.keys_of(jwks.read_bytes() if jwks else None, jwks_uri)
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    for_people = {"--redirect": redirect, "--device": device, "--first-party": first_party}
    if itself:
        refuse_options(for_people | {"--require-pushed": require_pushed}, "--itself")
    elif not redirect:
        refuse_options({"--require-pushed": require_pushed}, "no --redirect")
    if itself:
        grant_types = ("client_credentials",)
    elif device:
        grant_types = (DEVICE_CODE, "refresh_token", *grant_types[: bool(redirect)])
    if exchange:
        grant_types = (EXCHANGE, *(grant_types if itself or device or redirect else ()))

    async def work(at: Logins) -> Registered:
        async with opened(at) as database:
            return await register(
                database,
                name,
                tuple(redirect or ()),
                scope=" ".join(OPEN_SCOPES) if scope is None else scope,
                grant_types=grant_types,
                public=public,
                first_party=first_party,
                resource_server=resource_server,
                require_pushed=require_pushed,
                dpop=dpop,
                keys=keys,
                post_logout_redirect_uris=tuple(post_logout or ()),
            )

    with running(settings) as at:
        made = asyncio.run(work(at))
    typer.echo(f"client_id      {made.client_id}")
    if made.secret:
        typer.echo(f"client_secret  {made.secret}")


@app.command("list")
def list_() -> None:
    """List the registered clients: client_id, name, state and scopes."""
    from auth.oauth import registry
    from db.logins import Logins
    from graph.commands.database import opened, running
    from graph.settings import Settings

    settings = Settings()

    async def work(at: Logins) -> None:
        async with opened(at) as database:
            for row in await registry.listed(database):
                state = "disabled" if row["is_disabled"] else "enabled"
                typer.echo(f"{row['client_id']}\t{row['client_name']}\t{state}\t{row['scope']}")

    with running(settings) as at:
        asyncio.run(work(at))


@app.command("rotate")
def rotate(
    client_id: Annotated[str, typer.Argument(help="The client_id.")],
    revoke_former: Annotated[
        bool,
        typer.Option("--revoke-former", help="Revoke the previous secrets immediately."),
    ] = False,
) -> None:
    """Create a new secret, and print it. The previous secret stays valid for 24 hours."""
    from auth.oauth import registry
    from db.logins import Logins
    from db.problem import Problem
    from graph.commands.database import opened, running
    from graph.settings import Settings

    settings = Settings()

    async def work(at: Logins) -> registry.Rotated | None:
        async with opened(at) as database:
            return await registry.rotate(database, client_id, revoke_former=revoke_former)

    with running(settings) as at:
        rotated = asyncio.run(work(at))
    if rotated is None:
        raise Problem("NOT_FOUND", f"The operator has no application {client_id} with a secret.")
    typer.echo(f"client_secret  {rotated.secret}")
    if rotated.former_until:
        typer.echo(f"former_until   {rotated.former_until.isoformat(timespec='seconds')}")


@app.command("revoke-former-secret")
def revoke_former_secret(
    client_id: Annotated[str, typer.Argument(help="The client_id.")],
) -> None:
    """Revoke the previous secret of a client."""
    from auth.oauth import registry
    from db.logins import Logins
    from db.problem import Problem
    from graph.commands.database import opened, running
    from graph.settings import Settings

    settings = Settings()

    async def work(at: Logins) -> bool:
        async with opened(at) as database:
            return await registry.revoke_former_secret(database, client_id)

    with running(settings) as at:
        if not asyncio.run(work(at)):
            message = f"The operator has no application {client_id} with a previous secret."
            raise Problem("NOT_FOUND", message)


@app.command("disable")
def disable(
    client_id: Annotated[str, typer.Argument(help="The client_id.")],
) -> None:
    """Disable a client, and revoke all its tokens."""
    from auth.oauth import registry
    from db.logins import Logins
    from db.problem import Problem
    from graph.commands.database import opened, running
    from graph.settings import Settings

    settings = Settings()

    async def work(at: Logins) -> bool:
        async with opened(at) as database:
            return await registry.disable(database, client_id)

    with running(settings) as at:
        if not asyncio.run(work(at)):
            raise Problem("NOT_FOUND", f"There is no enabled application {client_id}.")
