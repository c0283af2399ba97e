"""The jobs that handle incoming webhooks, and those that forget them."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from db import webhook_events
from db.pool import NOBODY
from db.problem import Problem
from graph.platform.billing.events import NoCustomer
from graph.platform.incoming.provider import Provider
from graph.platform.incoming.stripe import stripe
from graph.platform.jobs.kinds import Handler, Kind, Result
from graph.platform.jobs.run import JobFailed, Run

AT_ONCE = 500
"""Events that one statement deletes."""
HANDLED = (stripe(()),)
"""The providers whose events are handled, whether or not this process receives them."""


def kind_of(provider: Provider) -> Kind:
    """Return the kind of jobs that handle the events of a provider."""
    return Kind(provider.kind, _handler(provider))


def _handler(provider: Provider) -> Handler:
    async def handle(run: Run) -> Result:
        """Handle one event, and store why if that fails."""
        id = UUID(run.payload["event"])
        try:
            await _handle(run, provider, id)
        except Exception as error:
            is_final = isinstance(error, JobFailed) or run.job.attempts >= run.job.max_attempts
            async with run.database.auth.lend(NOBODY) as connection:
                await webhook_events.fail(connection, id, _reason(error), final=is_final)
            if isinstance(error, NoCustomer):
                raise Problem("NOT_FOUND", _reason(error)) from error
            raise
        return None

    return handle


async def _handle(run: Run, provider: Provider, id: UUID) -> None:
    """Do what an event asks for, and note it: both commit, or neither."""
    async with run.database.auth.lend(NOBODY, in_transaction=True) as connection:
        event = await webhook_events.find(connection, id)
        if event is None:
            raise JobFailed("The event is not stored any more.")
        if provider.handle is not None:
            await provider.handle(connection, event, run)
        await webhook_events.finish(connection, id)


def _reason(error: Exception) -> str:
    """Return the reason of a failure, without what others may not see."""
    if isinstance(error, NoCustomer):
        return "No organization is this customer."
    if isinstance(error, JobFailed):
        return str(error)
    return error.message if isinstance(error, Problem) else "An internal error occurred."


async def _prune(run: Run) -> Result:
    """Delete events that were handled some time ago."""
    total, pruned = 0, AT_ONCE
    while pruned == AT_ONCE:
        async with run.database.auth.lend(NOBODY) as connection:
            pruned = await webhook_events.prune(connection, AT_ONCE)
        total += pruned
    return {"deleted": total}


KINDS = (
    *map(kind_of, HANDLED),
    Kind("upkeep.webhook_events", _prune, every=timedelta(hours=1)),
)


def kinds_by_provider() -> Mapping[str, str]:
    """Return the kind of jobs of each provider whose events are handled."""
    return {provider.name: provider.kind for provider in HANDLED}
