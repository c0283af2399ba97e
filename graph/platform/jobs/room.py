"""The limit of the jobs of one user that wait or run at the same time."""

from collections.abc import Sequence

from auth.session import Transaction
from db.base import Entity
from db.core.jobs import Job, JobStatus
from db.fields import among
from db.problem import Problem
from graph.platform.jobs.kinds import Kind


async def require_room(
    transaction: Transaction,
    kinds: Sequence[Kind],
    most: int,
    name: str,
    to_create: type[Entity] | None = None,
) -> None:
    """Raise LIMIT_REACHED for a user with so many jobs of these kinds that wait or run.

    `name` is what they are, in the plural. `to_create` is the model whose scope a token needs.
    """
    running = await transaction.find_all(
        Job,
        Job.user_id == transaction.viewer.id,
        among(Job.kind, [kind.name for kind in kinds]),
        (Job.status == JobStatus.QUEUED) | (Job.status == JobStatus.RUNNING),
        limit=most,
        lock=False,
        to_create=to_create,
    )
    if len(running) >= most:
        raise Problem("LIMIT_REACHED", f"At most {most} {name} of a user run at the same time.")
