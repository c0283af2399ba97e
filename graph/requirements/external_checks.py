"""Checks of the URLs of external documents, and their texts, in the API."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from db.core.jobs import Job as JobRow
from db.problem import Problem
from db.requirements import external as db
from graph.kit.context import Info
from graph.kit.fields import Id, computed, described, extend_type
from graph.kit.mutations import mutation, writing
from graph.platform.jobs.types import Job
from graph.requirements.external_documents import ExternalDocument
from graph.requirements.external_jobs import CHECK, OFF, PROCESS


@strawberry.type(description="The result of a check of the URL of an external document.")
class ExternalDocumentCheck:
    checked_at: datetime = described("The date and time of the check.")
    is_reachable: bool = described("Whether the server answered with a status from 200 to 299.")
    status: int | None = described("The HTTP status of the answer; null without an answer.")
    error: str | None = described("The reason why the URL is not reachable; null if it is.")


@strawberry.type(description="The result of a mutation that enqueues a job about a document.")
class ExternalDocumentJobPayload:
    job_id: UUID = described("The ID of the job.")

    @strawberry.field(description="The job; null if the viewer cannot read it.")
    async def job(self, info: Info) -> Job | None:
        return await info.context.one(JobRow, self.job_id)  # type: ignore[return-value]


@computed(
    "checked_at",
    "check_status",
    "check_error",
    text="The last check of the URL; null before the first, and after the URL was changed.",
)
def _last_check(root: strawberry.Parent[Any]) -> ExternalDocumentCheck | None:
    if root.checked_at is None:
        return None
    return ExternalDocumentCheck(
        checked_at=root.checked_at,
        is_reachable=root.check_error is None,
        status=root.check_status,
        error=root.check_error,
    )


extend_type(
    ExternalDocument,
    last_check=_last_check,
)


async def external_document_check(info: Info, id: Id) -> ExternalDocumentJobPayload | None:
    return await _enqueue(info, id, CHECK)


async def external_document_process(info: Info, id: Id) -> ExternalDocumentJobPayload | None:
    return await _enqueue(info, id, PROCESS)


async def _enqueue(info: Info, id: UUID, kind: Any) -> ExternalDocumentJobPayload:
    async with writing(info, None) as transaction:
        row = await transaction.find(db.ExternalDocument, id, lock=False)
        transaction.require_update(row, {})
        if kind is PROCESS and not info.context.processes_documents:
            raise Problem("NOT_ENABLED", OFF)
        if kind is CHECK and row.url is None:
            raise Problem("INVALID", "The document has no URL.", field=["id"])
        job = await kind.enqueue(transaction, row.organization_id, {"externalDocumentId": str(id)})
        assert job is not None  # noqa: S101 (it has no key)
    return ExternalDocumentJobPayload(job_id=job)


@strawberry.type
class Mutation:
    external_document_check = mutation(
        external_document_check,
        ExternalDocumentJobPayload,
        "Check by a job whether the URL of an external document can be reached. `lastCheck` has"
        " the result. URLs in the network of the gateway are not reachable.",
        scope="requirements:write",
    )
    external_document_process = mutation(
        external_document_process,
        ExternalDocumentJobPayload,
        "Have the document processor extract the text of an external document by a job."
        " `NOT_ENABLED` if the gateway has none.",
        scope="requirements:write",
    )
