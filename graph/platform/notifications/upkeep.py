"""The retention of notifications: a recurring job."""

from datetime import timedelta

from db import notification_queue
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run

READ_FOR, KEPT_FOR = timedelta(days=90), timedelta(days=365)
"""The time after which a notification is deleted: since it was read, and since it was written."""
BATCH = 500
"""Notifications that one statement deletes."""


async def _prune(run: Run) -> Result:
    """Delete notifications that are past their retention."""
    total, pruned = 0, BATCH
    while pruned == BATCH:
        pruned = await notification_queue.prune(run.database, READ_FOR, KEPT_FOR, BATCH)
        total += pruned
    return {"deleted": total}


KINDS = (Kind("upkeep.notifications", _prune, every=timedelta(hours=6)),)
