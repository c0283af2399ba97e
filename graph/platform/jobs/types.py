"""Jobs in the API: read and followed by administrators and by those as whom they run."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy.sql.functions import Function
from strawberry.scalars import JSON

from db import job_queue
from db.core import jobs as db
from db.core.jobs import JobStatus
from db.core.organizations import Organization as OrganizationRow
from db.core.people import Profile as ProfileRow
from db.problem import Problem
from graph.core.changes import After, ChangeEvent, stream
from graph.core.organizations import Organization
from graph.core.people import Profile
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import Id, by_id, described, extend_type, to_one
from graph.kit.inputs import filter_input, order_input
from graph.kit.mutations import mutation, writing
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of

describe_enum(
    JobStatus,
    "The status of a job.",
    {
        "QUEUED": "Waits for its time, or for a worker.",
        "RUNNING": "A worker runs it.",
        "SUCCEEDED": "It has succeeded.",
        "FAILED": "It has failed, and is not tried again.",
        "CANCELLED": "It was cancelled.",
    },
)


@strawberry.type(
    description="Work that is done in the background. Administrators of the organization can read"
    " its jobs, and users those that run with their rights."
)
class Job(Node):
    model = db.Job

    kind: str = described("The kind of the job, such as `assignments.remind`.")
    key: str | None = described(
        "The key of the job. There is one job of a kind with the same key in an organization."
    )
    payload: JSON = described("The arguments of the job.")
    status: JobStatus = described("The status of the job.")
    run_at: datetime = described(
        "The date and time from which the job runs; for a job that is tried again, from which the"
        " next attempt does."
    )
    attempts: int = described("The number of times that the job was started.")
    max_attempts: int = described("The number of attempts after which the job fails.")
    started_at: datetime | None = described("The date and time when the last attempt started.")
    finished_at: datetime | None = described("The date and time when the job ended.")
    worker: str | None = described("The name of the worker of the last attempt.")
    progress: float | None = described("The share that is done, from 0 to 1.")
    message: str | None = described("The message of the worker on the progress.")
    result: JSON | None = described("The result of the job.")
    error: str | None = described("The reason why the last attempt failed.")
    cancel_requested_at: datetime | None = described(
        "The date and time when the cancellation of the job was requested. A job that runs is"
        " cancelled as soon as its worker notices."
    )
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization of the job."
    )
    user: Profile | None = to_one(
        "user_id",
        ProfileRow,
        Profile,
        "The user with whose rights the job runs; null if it runs without rights.",
    )


JobFilterInput = filter_input(
    Job,
    "id",
    "kind",
    "key",
    "status",
    "run_at",
    "started_at",
    "finished_at",
    "created_at",
    "organization_id",
    "user_id",
)
JobOrderInput = order_input(Job, "kind", "run_at", "finished_at", "created_at", "updated_at")


def _jobs(key: str | None, text: str) -> Any:
    return connection(db.Job, Job, JobFilterInput, JobOrderInput, text, key=key, newest_first=True)


extend_type(
    Organization,
    jobs=_jobs("organization_id", "The jobs of the organization, by default the newest first."),
)


@strawberry.type
class Query:
    job = by_id(db.Job, Job, "Look up a job by its ID.")
    jobs = _jobs(None, "List jobs that the viewer can read, by default the newest first.")


async def _change(info: Info, id: UUID, function: Function[Any], refusal: str) -> Any:
    """Call the function on a job that the viewer may change. Raises INVALID where it refuses."""
    async with writing(info, None) as transaction:
        job = await transaction.find(db.Job, id, lock=False)
        transaction.rights.require("update", job)
        if not await transaction.call(function):
            raise Problem("INVALID", refusal, field=["id"])
    return answer(payload_of(Job), await info.context.get(db.Job, id))


async def job_cancel(info: Info, id: Id) -> Any:
    return await _change(
        info, id, job_queue.cancel(id), "The job has ended, or its cancellation was requested."
    )


async def job_retry(info: Info, id: Id) -> Any:
    return await _change(info, id, job_queue.retry(id), "The job runs, or it has succeeded.")


@strawberry.type
class Mutation:
    job_cancel = mutation(
        job_cancel,
        payload_of(Job),
        "Cancel a job. A job that runs is cancelled as soon as its worker notices, if it has not"
        " ended before.",
    )
    job_retry = mutation(
        job_retry,
        payload_of(Job),
        "Run a job that has failed, was cancelled, or waits for its time, as soon as possible. Its"
        " attempts are counted anew.",
    )


@strawberry.type
class Subscription:
    @strawberry.subscription(
        description="The changes of a job: its status, and its progress in steps of 5 %."
    )
    async def job_changed(
        self, info: Info, id: Id, after: After = None
    ) -> AsyncGenerator[ChangeEvent, None]:
        return stream("entity", await info.context.get(db.Job, id), after)
