"""Jobs of webhooks: what is deleted after a time, and the notification of administrators."""

from datetime import timedelta
from uuid import UUID

from auth.accounts.notify import remind
from db import webhook_queue
from db.core.notifications import NotificationType
from db.core.webhooks import WebhookEndpoint
from db.pool import NOBODY
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run

DELIVERY_DAYS = 30
"""Days for which deliveries are stored, unless a setting says otherwise."""
AT_ONCE = 500
"""Deliveries that one statement deletes."""
TITLE = "A webhook endpoint was disabled."


async def _notify(run: Run) -> Result:
    """Notify an administrator of an endpoint that the gateway has disabled."""
    id = UUID(run.payload["endpointId"])
    async with run.completing() as transaction:
        found = await transaction.find_by_id(WebhookEndpoint, [id], lock=False)
        if endpoint := found.get(id):
            remind(
                transaction,
                NotificationType.ERROR,
                "disabled",
                TITLE,
                endpoint,
                organization_id=endpoint.organization_id,
                project_id=endpoint.project_id,
                message=run.payload["reason"],
            )
    return None


def prune_of(days: int) -> Kind:
    """Return the job that deletes deliveries after this number of days."""

    async def prune(run: Run) -> Result:
        """Delete old deliveries, and move the cursors of streams in which nothing happens."""
        total, pruned = 0, AT_ONCE
        while pruned == AT_ONCE:
            async with run.database.auth.lend(NOBODY) as lent:
                pruned = await webhook_queue.prune(lent, timedelta(days=days), AT_ONCE)
            total += pruned
        async with run.database.auth.lend(NOBODY) as lent:
            await lent.execute("SELECT ctx.advance_webhooks()")
        return {"deleted": total}

    return Kind("upkeep.webhooks", prune, every=timedelta(hours=1))


DISABLED = Kind("webhooks.disabled", _notify)
