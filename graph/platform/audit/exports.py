"""Exports of the audit log in the API, for administrators of an organization."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from auth.policy import allows
from auth.session.write.db_errors import forbidden
from db.change import AuditLog
from db.core.jobs import Job as JobRow
from db.core.organizations import Organization
from db.problem import Problem
from graph.core.audit_logs import AuditEventFilterInput
from graph.kit.context import Info
from graph.kit.fields import described
from graph.kit.filters import matches
from graph.kit.mutations import Input, mutation, writing
from graph.kit.stored_filter import stored
from graph.platform.audit.exporting import EXPORT, place_of
from graph.platform.jobs.room import require_room
from graph.platform.jobs.types import Job

MAX_RUNNING = 3
"""Exports of the audit log of one user that wait or run at the same time."""


@strawberry.input(description="The events to export.")
class AuditExportStartInput:
    organization_id: UUID = strawberry.field(description="The ID of the organization.")
    from_: datetime | None = strawberry.field(
        name="from",
        default=UNSET,
        description="The time of the first event. By default, the export begins with the first"
        " event of the organization.",
    )
    to: datetime | None = strawberry.field(
        default=UNSET,
        description="The time before which events are exported. By default, the export ends with"
        " the last event.",
    )
    filter: AuditEventFilterInput | None = strawberry.field(
        default=UNSET,
        description="Exports only the events that match this filter, each with its seal. Without a"
        " filter, the export is a part of the hash chain without gaps, which proves that no event"
        " is missing.",
    )


@strawberry.type(description="The result of starting an export of the audit log.")
class AuditExportStartPayload:
    job_id: UUID = described("The ID of the job. `jobChanged` follows it.")

    @strawberry.field(description="The job. `Job.exportedFile` has the file once it succeeds.")
    async def job(self, info: Info) -> Job | None:
        return await info.context.one(JobRow, self.job_id)  # type: ignore[return-value]


async def audit_export_start(info: Info, input: Input[AuditExportStartInput]) -> Any:
    if input.from_ and input.to and input.from_ >= input.to:
        raise Problem("INVALID", "Must be after `from`.", field=["to"])
    kept = None
    if input.filter:
        matches(AuditLog, input.filter, ("input", "filter"))
        kept = stored(input.filter)
    async with writing(info) as transaction:
        organization = await transaction.find(
            Organization, input.organization_id, lock=False, field=["organization_id"]
        )
        if not allows(transaction.viewer, "read", AuditLog, place_of(organization.id)):
            raise forbidden(Organization)
        await require_room(transaction, [EXPORT], MAX_RUNNING, "exports of the audit log")
        payload = {
            "from": input.from_.isoformat() if input.from_ else None,
            "to": input.to.isoformat() if input.to else None,
            "filter": kept,
        }
        job = await EXPORT.enqueue(transaction, organization.id, payload)
    assert job is not None  # noqa: S101 (it has no key)
    return AuditExportStartPayload(job_id=job)


@strawberry.type
class Mutation:
    audit_export_start = mutation(
        audit_export_start,
        AuditExportStartPayload,
        "Export the audit log of an organization by a job. The file is a ZIP archive with one line"
        " of JSON per event, and a manifest by which it can be verified without the gateway. Only"
        " for administrators of the organization. The export is recorded in the audit log.",
        scope="organizations:write",
    )
