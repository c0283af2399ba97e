"""Kinds of jobs: what is run, how often, for how long, and who may wait for what."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from auth.session import Transaction
from db.job_queue import NewJob, enqueue_own
from graph.platform.jobs.run import Run

Result = Mapping[str, Any] | None
Handler = Callable[[Run], Awaitable[Result]]


@dataclass(frozen=True)
class Kind:
    """A kind of job, and the function that runs one.

    A handler is run at least once: after a failure, and when a worker is lost, it is run again, up
    to `max_attempts` times. What it writes in `Run.completing` is written once. One attempt may
    take `timeout` seconds. A kind with an interval (`every`) is enqueued by workers themselves,
    once for all of them, and run as nobody.
    """

    name: str
    handler: Handler = field(repr=False)
    every: timedelta | None = None
    max_attempts: int = 10
    timeout: float = 300.0
    feature: str | None = None
    """The feature whose usage a job that succeeds adds to, if it is recorded."""

    def new(self, **values: Any) -> NewJob:
        """Return a job of this kind, to enqueue."""
        return NewJob(kind=self.name, every=self.every, max_attempts=self.max_attempts, **values)

    async def enqueue(
        self,
        transaction: Transaction,
        organization_id: UUID,
        payload: Mapping[str, Any],
        *,
        run_at: datetime | None = None,
        key: str | None = None,
    ) -> UUID | None:
        """Enqueue a job that runs as the viewer, if the transaction commits; return its ID.

        None if there is a job of this kind with this key already. It runs at `run_at`, by default
        at once, with the rights that the viewer has then, within the scopes of their token.
        """
        viewer = transaction.viewer
        job = self.new(
            organization_id=organization_id,
            user_id=viewer.id,
            scopes=None if viewer.scopes is None else sorted(viewer.scopes),
            confined_project=viewer.confined_project,
            payload=payload,
            run_at=run_at,
            key=key,
        )
        ids = await transaction.call(enqueue_own([job]))
        return ids[0] if ids else None
