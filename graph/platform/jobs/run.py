"""One run of a job: its arguments, the session of its principal, and its progress."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from auth.credentials.grants import of_person
from auth.origin import Origin
from auth.outbound import Outbound
from auth.session import Transaction, ViewerSession
from auth.text_records import TextRecords
from db import job_queue
from db.job_queue import Claimed
from db.pool import NOBODY, Database
from db.problem import Problem

if TYPE_CHECKING:
    from auth.accounts.mail import Outbox
    from graph.kit.storage import Storage
    from graph.platform.billing.payments import StripePayments
    from graph.platform.billing.usage_log import UsageLog
    from graph.platform.bulk.port import BulkOperations
    from graph.platform.language_models.port import LanguageModel

STEP = 0.05
"""The least progress that is stored, of 1: each step is an event for those who follow the job."""
MAX_MESSAGE_LENGTH = 500
DEFERRED = 900.0
"""Seconds for what is deferred to the commit: the events of many rows take long."""


class JobFailed(Exception):
    """The job cannot succeed, however often it is tried. The message is for administrators."""


class LeaseLost(Exception):
    """Another worker may have the job by now: what this one has not committed is undone."""


@dataclass(frozen=True)
class Services:
    """The services that jobs use besides the database; None where the gateway lacks one.

    `outbound` are requests to URLs that users give, which jobs bound further; `text_records` are
    look-ups in the DNS.
    """

    language_model: "LanguageModel | None" = None
    payments: "StripePayments | None" = None
    outbox: "Outbox | None" = None
    storage: "Storage | None" = None
    usage: "UsageLog | None" = None
    operations: "BulkOperations | None" = None
    outbound: Outbound = field(default_factory=Outbound)
    text_records: TextRecords = field(default_factory=TextRecords)


NO_SERVICES = Services()


class Run:
    """An attempt to do a job, as its handler sees it."""

    def __init__(
        self,
        database: Database,
        job: Claimed,
        session: ViewerSession | None,
        services: Services = NO_SERVICES,
    ) -> None:
        self._storage, self._operations = services.storage, services.operations
        self.database, self.job, self._session = database, job, session
        self.language_model = services.language_model
        self.payments, self.outbound = services.payments, services.outbound
        self.text_records = services.text_records
        self.result: Mapping[str, Any] | None = None
        self.is_complete = False
        self._reported = 0.0

    @classmethod
    async def begin(
        cls, database: Database, job: Claimed, services: Services = NO_SERVICES
    ) -> "Run":
        """Return the run, with the rights that the principal has now. Raises JobFailed."""
        run = cls(database, job, None, services)
        await run.renew()
        return run

    async def renew(self) -> None:
        """Begin a session with the rights that the principal has now, if any. Raises JobFailed."""
        job = self.job
        if job.user_id is None or job.organization_id is None:
            return
        async with self.database.auth.lend(NOBODY) as lent:
            viewer = await of_person(
                lent, job.user_id, job.scopes, job.organization_id, job.confined_project
            )
        if viewer is None or job.organization_id not in viewer.organizations:
            raise JobFailed("The user as whom the job runs is no active member any more.")
        origin = Origin(request_id=f"job {job.id}", source="jobs")
        self._session = ViewerSession(self.database, viewer, origin)

    @property
    def payload(self) -> Mapping[str, Any]:
        return self.job.payload

    @property
    def organization_id(self) -> UUID:
        """Return the organization of the job. Raises JobFailed for a job of the gateway itself."""
        if self.job.organization_id is None:
            raise JobFailed("The job belongs to no organization.")
        return self.job.organization_id

    @property
    def session(self) -> ViewerSession:
        """Return the session of the principal. Raises JobFailed for a job that runs as nobody."""
        if self._session is None:
            raise JobFailed("The job runs as nobody.")
        return self._session

    @property
    def storage(self) -> "Storage":
        """Return the storage of files. Raises BUSY where this worker does not reach it."""
        if self._storage is None:
            raise Problem("BUSY", "This worker does not reach the file storage.")
        return self._storage

    @property
    def operations(self) -> "BulkOperations":
        """Return what runs operations of the API. Raises BUSY where this worker has none."""
        if self._operations is None:
            raise Problem("BUSY", "This worker does not run operations of the API.")
        return self._operations

    async def checkpoint(self, state: Mapping[str, Any]) -> None:
        """Store the state from which another attempt goes on. Raises LeaseLost."""
        async with self.database.auth.lend(NOBODY) as lent:
            held = await job_queue.checkpoint(lent, self.job.id, self.job.lease_id, state)
        if not held:
            raise LeaseLost

    async def progress(self, share: float, message: str | None = None) -> None:
        """Store which share is done, from 0 to 1, in steps of 5 %. Raises LeaseLost."""
        share = min(max(share, 0.0), 1.0)
        if share - self._reported < STEP and share < 1:
            return
        self._reported = share
        message = message[:MAX_MESSAGE_LENGTH] if message else None
        async with self.database.auth.lend(NOBODY) as lent:
            held = await job_queue.report(lent, self.job.id, self.job.lease_id, share, message)
        if not held:
            raise LeaseLost

    @asynccontextmanager
    async def completing(
        self, result: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Transaction]:
        """Open a transaction of the principal that completes the job: both commit, or neither.

        What is written in it is therefore written once. `result` is stored, unless the block sets
        another. Raises LeaseLost, and undoes it, when another worker may have the job.
        """
        self.result = result
        async with self.session.transaction() as transaction:
            yield transaction
            ended = job_queue.complete_within(self.job.id, self.job.lease_id, self.result)
            if not await transaction.call(ended):
                raise LeaseLost
            await transaction.run_deferred(DEFERRED)  # last: what is written after it would wait
        self.is_complete = True
