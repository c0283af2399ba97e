"""The commands of `gateway webhooks`: incoming webhooks, listed and replayed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar
from uuid import UUID

import typer

if TYPE_CHECKING:
    from db.logins import Logins
    from db.pool import Lent

T = TypeVar("T")
app = typer.Typer(help="List and replay incoming webhooks.", no_args_is_help=True)


@app.command("list")
def list_(
    failed: Annotated[bool, typer.Option("--failed", help="List failed events only.")] = False,
    provider: Annotated[str | None, typer.Option(help="The name of the provider.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The number of events.")] = 50,
) -> None:
    """List the newest events that other systems have sent."""
    from db.webhook_events import list_events

    async def work(lent: "Lent") -> list[str]:
        found = await list_events(lent, provider, failed=failed, most=limit)
        return [
            f"{row['id']}  {row['created_at']:%Y-%m-%d %H:%M:%S}  {row['status']:<10}"
            f"{row['provider']}  {row['event_type']}  {row['external_id']}"
            f"  {row['error'] or ''}".rstrip()
            for row in found
        ]

    for line in _run(work):
        typer.echo(line)


@app.command()
def replay(
    id: Annotated[UUID | None, typer.Argument(help="The ID of an event, as listed.")] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Replay all events that were not processed.")
    ] = False,
) -> None:
    """Process an event again, or all that failed. Workers do so within a second."""
    replay_events(id, failed=failed)


def replay_events(id: UUID | None, *, failed: bool, provider: str | None = None) -> None:
    """Replay one event, or all that failed, of all providers or of one."""
    from db.problem import Problem
    from db.webhook_events import find
    from db.webhook_events import replay as again
    from graph.commands.database import say
    from graph.platform.incoming.jobs import kinds_by_provider

    if (id is None) is not failed:
        raise Problem("INVALID", "Give the ID of an event, or --failed.")

    async def work(lent: "Lent") -> int:
        if id is not None and await find(lent, id) is None:
            raise Problem("NOT_FOUND", f"There is no event {id}.")
        kinds = {n: kind for n, kind in kinds_by_provider().items() if provider in (None, n)}
        return len(await again(lent, kinds, id))

    number = _run(work)
    if id is not None and not number:
        raise Problem("INVALID", "The event is being processed, or nothing processes its provider.")
    say(f"{number} to process again.")


def _run(work: "Callable[[Lent], Awaitable[T]]") -> T:
    from db.pool import NOBODY
    from graph.commands.database import opened, require_migrated, running
    from graph.settings import Settings

    async def connected(at: "Logins") -> T:
        async with opened(at) as database, database.auth.lend(NOBODY) as lent:
            return await work(lent)

    with running(Settings()) as at:
        require_migrated(at)
        return asyncio.run(connected(at))
