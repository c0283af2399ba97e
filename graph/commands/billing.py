"""The commands of `gateway billing`: plans, limits of one organization, and Stripe."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar
from uuid import UUID

import typer

from db.core.organizations import BillingPlan

if TYPE_CHECKING:
    import asyncpg

    from db.logins import Logins
    from db.pool import Database
    from graph.platform.billing.payments import StripePayments

T = TypeVar("T")
app = typer.Typer(help="Manage plans, limits and Stripe.", no_args_is_help=True)
Organization = Annotated[str, typer.Argument(help="The slug or ID of the organization.")]


@app.command()
def plans() -> None:
    """List the plans with their limits and prices. `-` means no limit."""
    from db.core.plans import CURRENCY, PLANS, PRICES

    for plan, limits in PLANS.items():
        told = "  ".join(
            f"{name} {'-' if limit is None else limit}" for name, limit in limits._asdict().items()
        )
        prices = "  ".join(
            f"{interval.value} {amount} {CURRENCY}"
            for interval, amount in PRICES.get(plan, {}).items()
        )
        typer.echo(f"{plan.value:<12}{told}  {prices}".rstrip())


@app.command("set")
def set_(
    organization: Organization,
    plan: Annotated[BillingPlan, typer.Argument(help="The name of the plan.")],
    force: Annotated[
        bool,
        typer.Option("--force", help="Set it also if a subscription in Stripe decides the plan."),
    ] = False,
) -> None:
    """Set the plan of an organization. Its limits apply from the next request."""
    from auth.accounts.plans import set_plan
    from graph.commands.database import say

    before = _as_owner(lambda connection: set_plan(connection, organization, plan, force=force))
    say(f"{organization}: {before.value} before, {plan.value} now.")


@app.command()
def limit(
    organization: Organization,
    name: Annotated[str, typer.Argument(help="The name of a limit, as `plans` lists it.")],
    value: Annotated[
        int | None, typer.Argument(min=0, help="The number. Without one, the plan decides again.")
    ] = None,
) -> None:
    """Agree on a limit with one organization, in place of that of its plan."""
    from auth.accounts.plans import set_limit
    from graph.commands.database import say

    _as_owner(lambda connection: set_limit(connection, organization, name, value))
    told = "as in its plan" if value is None else value
    say(f"{organization}: {name} {told}.")


@app.command()
def sync(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the changes, and make none.")
    ] = False,
) -> None:
    """Create the products, prices and meters in Stripe, and replace prices that have changed."""
    from graph.commands.database import say
    from graph.platform.billing.payments import OFF
    from graph.platform.billing.stripe_api import StripeApi
    from graph.platform.billing.sync import sync as synchronize
    from graph.settings import Settings, SettingsError

    api = StripeApi.of(Settings())
    if api is None:
        raise SettingsError(OFF)
    changes = asyncio.run(synchronize(api, dry_run=dry_run))
    for line in changes:
        typer.echo(line)
    say(f"{len(changes)} changes{' to make' if dry_run else ''}.")


@app.command()
def reconcile() -> None:
    """Fetch the state of every customer from Stripe, and store it. A job does so every night."""
    from graph.commands.database import say
    from graph.platform.billing.reconciliation import reconcile as repair

    async def work(database: "Database", payments: "StripePayments") -> tuple[int, int]:
        return await repair(database, payments)

    number, failed = _with_payments(work)
    say(f"{number} customers, of which {failed} failed.")


@app.command()
def replay(
    id: Annotated[UUID | None, typer.Argument(help="The ID of an event, as listed.")] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Replay all events that were not processed.")
    ] = False,
) -> None:
    """Process an event of Stripe again, or all that failed, as `gateway webhooks replay` does."""
    from graph.commands.webhooks import replay_events

    replay_events(id, failed=failed, provider="stripe")


def _as_owner(work: "Callable[[asyncpg.Connection], Awaitable[T]]") -> T:
    from db.logins import OWNER
    from db.server import connected
    from graph.commands.database import require_migrated, running
    from graph.settings import Settings

    async def within(at: "Logins") -> T:
        async with connected(at, OWNER) as connection:
            return await work(connection)

    with running(Settings()) as at:
        require_migrated(at)
        return asyncio.run(within(at))


def _with_payments(work: "Callable[[Database, StripePayments], Awaitable[T]]") -> T:
    from graph.commands.database import opened, require_migrated, running
    from graph.platform.billing.payments import OFF, StripePayments
    from graph.server_secret import with_secret
    from graph.settings import Settings, SettingsError

    settings = with_secret(Settings())

    async def within(at: "Logins") -> T:
        async with opened(at) as database:
            payments = StripePayments(database, settings)
            if not payments.enabled:
                raise SettingsError(OFF)
            return await work(database, payments)

    with running(settings) as at:
        require_migrated(at)
        return asyncio.run(within(at))
