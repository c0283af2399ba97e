"""Workers outside of the gateway: programs that claim and run jobs through the API."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, NoReturn
from uuid import UUID

import orjson
import strawberry
from sqlalchemy.sql.functions import Function
from strawberry import UNSET
from strawberry.scalars import JSON

from auth.policy.scope_names import WORK
from auth.session import Transaction
from auth.viewer import Role
from db import job_queue
from db.core import jobs as db
from db.core.jobs import JobStatus
from db.job_queue import NewJob
from db.problem import Problem
from graph.kit.context import Info
from graph.kit.fields import Id, described
from graph.kit.inputs import input_for
from graph.kit.leases import (
    LEASE_SECONDS,
    MAX_LEASE,
    MIN_LEASE,
    LeaseId,
    LeaseSeconds,
    require_between,
)
from graph.kit.mutations import Input, given, mutation, writing
from graph.kit.payloads import answer, payload_of
from graph.platform.jobs.types import Job

PREFIX = "external."
"""The beginning of kinds that workers outside run; all others are the gateway's."""
MAX_JOBS, MAX_KINDS = 100, 50
MAX_JSON_LENGTH = 64_000
"""Bytes of arguments or of a result, at most."""
MAX_REASON_LENGTH, MAX_MESSAGE_LENGTH, MAX_NAME_LENGTH = 2000, 500, 100


@input_for(Job, "A job to create, for a worker outside of the gateway.")
class JobCreateInput:
    organization_id: UUID = strawberry.field(description="The ID of the organization.")
    kind: str = strawberry.field(
        description=f"The kind of the job. It begins with `{PREFIX}`, such as `{PREFIX}render`."
    )
    payload: JSON | None = strawberry.field(
        default=UNSET, description="The arguments of the job, an object of at most 64,000 bytes."
    )
    key: str | None = strawberry.field(
        default=UNSET,
        description="A key. `ALREADY_EXISTS` if the organization has a job of the kind with it.",
    )
    run_at: datetime | None = strawberry.field(
        default=UNSET,
        description="The date and time from which the job may run. The default is now.",
    )
    max_attempts: int = strawberry.field(
        default=10, description="The number of attempts after which the job fails, 1 to 100."
    )


@strawberry.input(description="The jobs to claim.")
class JobsClaimInput:
    kinds: list[str] = strawberry.field(
        description=f"The kinds of jobs, 1 to {MAX_KINDS}. Each begins with `{PREFIX}`."
    )
    first: int = strawberry.field(
        default=1, description=f"The maximum number of jobs, 1 to {MAX_JOBS}."
    )
    lease_seconds: int = strawberry.field(
        default=60,
        description=LEASE_SECONDS,
    )
    worker: str = strawberry.field(
        default="external", description="The name of the worker, shown as `Job.worker`."
    )


@strawberry.type(description="A job that a worker has claimed.")
class ClaimedJob:
    id: UUID = described("The ID of the job.")
    kind: str = described("The kind of the job.")
    payload: JSON = described("The arguments of the job.")
    organization_id: UUID = described("The ID of the organization of the job.")
    attempt: int = described("The number of this attempt, from 1.")
    lease_id: UUID = described("The ID of the lease, which every further mutation requires.")
    lease_expires_at: datetime = described("The date and time when the lease expires.")
    traceparent: str | None = described(
        "The trace in which the job was created, to continue: the value of the header"
        " `traceparent` (W3C Trace Context)."
    )


@strawberry.type(description="The result of claiming jobs.")
class JobsClaimPayload:
    jobs: list[ClaimedJob] = described(
        "The claimed jobs, those that have waited longest first; empty if none is due."
    )


@strawberry.type(description="The result of extending a lease.")
class JobExtendPayload:
    lease_expires_at: datetime = described("The date and time when the lease expires.")
    cancel_requested: bool = described(
        "Whether the cancellation of the job was requested. Stop, and end it with `jobFail`."
    )


@strawberry.type(description="The result of ending an attempt.")
class JobEndPayload:
    status: JobStatus = described("The status of the job after the attempt.")


Progress = Annotated[
    float | None, strawberry.argument(description="The share that is done, from 0 to 1.")
]
Message = Annotated[
    str | None, strawberry.argument(description="A message on the progress, for administrators.")
]
Result = Annotated[
    JSON | None,
    strawberry.argument(description="The result, an object of at most 64,000 bytes."),
]
Reason = Annotated[
    str, strawberry.argument(description="The reason for the failure, for administrators.")
]
Final = Annotated[
    bool, strawberry.argument(description="Whether the job fails at once, without another attempt.")
]


def _refuse(message: str, *field: str | int) -> NoReturn:
    raise Problem("INVALID", message, field=field)


def _require_kind(kind: str, *field: str | int) -> None:
    rest = kind.removeprefix(PREFIX)
    known = set("abcdefghijklmnopqrstuvwxyz0123456789_.")
    if rest == kind or not rest or len(kind) > db.MAX_KIND_LENGTH or not set(rest) <= known:
        _refuse(f"Must begin with `{PREFIX}`, and have lower-case letters, digits, _ and .", *field)


def _object(value: Any, *field: str | int) -> dict[str, Any] | None:
    """Return the JSON object. Raises INVALID for anything else, and for a large one."""
    if value is None:
        return None
    if not isinstance(value, dict) or len(orjson.dumps(value, default=str)) > MAX_JSON_LENGTH:
        _refuse(f"Must be a JSON object of at most {MAX_JSON_LENGTH:,} bytes.", *field)
    return value


def _text(value: str, longest: int, *field: str | int) -> str:
    if not value.strip() or len(value) > longest or "\0" in value:
        _refuse(f"Must not be blank, and have at most {longest} characters.", *field)
    return value


async def job_create(info: Info, input: Input[JobCreateInput]) -> Any:
    values = given(input)
    _require_kind(input.kind, "input", "kind")
    payload = _object(values.get("payload"), "input", "payload") or {}
    require_between(input.max_attempts, 1, 100, "input", "maxAttempts")
    key = values.get("key")
    if key is not None:
        _text(key, 200, "input", "key")
    async with writing(info) as transaction:
        wanted = db.Job(
            organization_id=input.organization_id, user_id=transaction.person, kind=input.kind
        )
        if input.organization_id not in transaction.viewer.organizations:
            raise Problem("NOT_FOUND", "There is no such organization.", field=["organizationId"])
        transaction.require_create(wanted)
        scopes = transaction.viewer.scopes
        job = NewJob(
            kind=input.kind,
            organization_id=input.organization_id,
            user_id=transaction.person,
            scopes=None if scopes is None else sorted(scopes),
            confined_project=transaction.viewer.confined_project,
            key=key,
            payload=payload,
            run_at=values.get("run_at"),
            max_attempts=input.max_attempts,
        )
        if not await transaction.call(job_queue.enqueue_own([job])):
            message = "There is a job of this kind with this key."
            raise Problem("ALREADY_EXISTS", message, field=["key"])
    return answer(payload_of(Job), await info.context.get(db.Job, job.id))


def _administered(transaction: Transaction) -> Sequence[UUID]:
    """Return the organizations whose jobs the viewer may run."""
    viewer = transaction.viewer
    tenants = [scope for scope in viewer.scopes_with(Role.ADMIN) if scope in viewer.organizations]
    for tenant in tenants:
        transaction.rights.require_role(Role.ADMIN, tenant)
    return tenants


async def _held(info: Info, call: Any) -> Any:
    """Return the result of a call on a job. Raises NOT_FOUND if its lease is not held any more."""
    async with writing(info, None) as transaction:
        function: Function[Any] = call(_administered(transaction))
        result = await transaction.call(function)
        if result is None:
            message = "There is no such lease: it has expired, or the job has ended."
            raise Problem("NOT_FOUND", message, field=["leaseId"])
    return result


async def jobs_claim(info: Info, input: Input[JobsClaimInput]) -> JobsClaimPayload | None:
    if not 0 < len(input.kinds) <= MAX_KINDS:
        _refuse(f"Must have 1 to {MAX_KINDS} items.", "input", "kinds")
    for place, kind in enumerate(input.kinds):
        _require_kind(kind, "input", "kinds", place)
    require_between(input.first, 1, MAX_JOBS, "input", "first")
    require_between(input.lease_seconds, MIN_LEASE, MAX_LEASE, "input", "leaseSeconds")
    worker = _text(input.worker, MAX_NAME_LENGTH, "input", "worker")
    async with writing(info) as transaction:
        tenants = _administered(transaction)
        if not tenants:
            raise Problem("FORBIDDEN", "Only administrators of an organization run its jobs.")
        claimed = await transaction.call(
            job_queue.claim_as_worker(
                sorted(set(input.kinds)),
                worker,
                input.first,
                timedelta(seconds=input.lease_seconds),
                tenants,
            )
        )
    info.context.session.show_secret()
    return JobsClaimPayload(jobs=[ClaimedJob(**_read(job)) for job in claimed])


def _read(job: dict[str, Any]) -> dict[str, Any]:
    ids = {name: UUID(job[name]) for name in ("id", "organization_id", "lease_id")}
    return job | ids | {"lease_expires_at": datetime.fromisoformat(job["lease_expires_at"])}


async def job_extend(
    info: Info,
    id: Id,
    lease_id: LeaseId,
    lease_seconds: LeaseSeconds = 60,
    progress: Progress = None,
    message: Message = None,
) -> JobExtendPayload | None:
    require_between(lease_seconds, MIN_LEASE, MAX_LEASE, "leaseSeconds")
    if progress is not None:
        require_between(progress, 0, 1, "progress")
    if message is not None:
        _text(message, MAX_MESSAGE_LENGTH, "message")
    time = timedelta(seconds=lease_seconds)
    held = await _held(
        info, lambda t: job_queue.extend_as_worker(id, lease_id, time, progress, message, t)
    )
    return JobExtendPayload(
        lease_expires_at=datetime.fromisoformat(held["lease_expires_at"]),
        cancel_requested=held["is_cancelled"],
    )


async def job_complete(
    info: Info, id: Id, lease_id: LeaseId, result: Result = None
) -> JobEndPayload | None:
    done = _object(result, "result")
    status = await _held(info, lambda t: job_queue.end_as_worker(id, lease_id, done, None, t))
    return JobEndPayload(status=JobStatus(status))


async def job_fail(
    info: Info, id: Id, lease_id: LeaseId, error: Reason, final: Final = False
) -> JobEndPayload | None:
    reason = _text(error, MAX_REASON_LENGTH, "error")
    status = await _held(
        info, lambda t: job_queue.end_as_worker(id, lease_id, None, reason, t, final=final)
    )
    return JobEndPayload(status=JobStatus(status))


@strawberry.type
class Mutation:
    job_create = mutation(
        job_create,
        payload_of(Job),
        f"Create a job for a worker outside of the gateway. Its kind begins with `{PREFIX}`."
        " Requires an administrator of the organization.",
    )
    jobs_claim = mutation(
        jobs_claim,
        JobsClaimPayload,
        "Claim jobs that are due, of all organizations of which the viewer is an administrator."
        " Each is leased: until the lease expires, no other worker is given the job.",
        scope=WORK,
    )
    job_extend = mutation(
        job_extend,
        JobExtendPayload,
        "Extend the lease of a job, and report its progress.",
        scope=WORK,
    )
    job_complete = mutation(
        job_complete, JobEndPayload, "Complete a job whose lease is held.", scope=WORK
    )
    job_fail = mutation(
        job_fail,
        JobEndPayload,
        "Report that an attempt has failed. The job is tried again later, unless its attempts are"
        " over or the failure is final.",
        scope=WORK,
    )
