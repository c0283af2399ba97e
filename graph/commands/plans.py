"""The commands of `gateway plan`."""

import asyncio
from typing import Annotated

import typer

from db.core.organizations import BillingPlan

app = typer.Typer(help="Manage the plans of organizations.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """List the plans with their limits. `-` means no limit."""
    from db.core.plans import PLANS

    for plan, limits in PLANS.items():
        told = "  ".join(
            f"{name} {'-' if limit is None else limit}" for name, limit in limits._asdict().items()
        )
        typer.echo(f"{plan.value:<12}{told}")


@app.command("set")
def set_(
    organization: Annotated[str, typer.Argument(help="The slug or ID of the organization.")],
    plan: Annotated[BillingPlan, typer.Argument(help="The name of the plan.")],
) -> None:
    """Set the plan of an organization. Its limits apply from the next request."""
    from auth.accounts.plans import set_plan
    from db.logins import OWNER, Logins
    from db.server import connected
    from graph.commands.database import require_migrated, running, say
    from graph.settings import Settings

    async def work(at: Logins) -> BillingPlan:
        async with connected(at, OWNER) as connection:
            return await set_plan(connection, organization, plan)

    with running(Settings()) as at:
        require_migrated(at)
        before = asyncio.run(work(at))
    say(f"{organization}: {before.value} before, {plan.value} now.")
