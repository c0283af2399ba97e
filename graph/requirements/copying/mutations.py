"""The mutations that copy documents and projects."""

from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from db.core.jobs import Job as JobRow
from db.core.projects import Project as ProjectRow
from db.core.projects import Visibility
from db.problem import Problem
from db.requirements.documents import Document as DocumentRow
from graph.core.projects import Project
from graph.kit.context import Info
from graph.kit.fields import Id, described
from graph.kit.inputs import input_for
from graph.kit.mutations import Input, given, mutation, writing
from graph.platform.jobs.room import require_room
from graph.platform.jobs.types import Job
from graph.requirements.copying.contents import MAX_OBJECTS, Options
from graph.requirements.copying.jobs import (
    COPY_DOCUMENT,
    COPY_PROJECT,
    KINDS,
    MAX_OF_JOB,
    payload_of_copy,
)
from graph.requirements.copying.making import copy_document, copy_project
from graph.requirements.documents import Document

ROOM, MAX_RUNNING = "copies", 3
"""The plural name of the jobs in errors, and the limit of a user's jobs that wait or run."""
OPTIONS = ("links", "tests", "numbers", "keep_status")
"""The fields of an input that are no columns."""


@strawberry.enum(description="The identifiers (`externalId`, `testId`) of copies.")
class CopyNumbers(Enum):
    KEEP = strawberry.enum_value(
        "keep",
        description="Copies have the identifiers of what they are copies of. A test case whose"
        " identifier is used in the target gets a number by the rules there.",
    )
    RENUMBER = strawberry.enum_value(
        "renumber",
        description="Copies get numbers by the numbering rules of the target, or no identifier"
        " where no rule applies.",
    )


def _option(default: Any, text: str) -> Any:
    return strawberry.field(default=default, description=text)


@input_for(Document, "A copy of a document.")
class DocumentCopyInput:
    project_id: UUID | None = _option(
        UNSET, "The ID of the project of the copy. The default is the project of the document."
    )
    name: str | None = _option(UNSET, "The name of the copy. The default is the document's.")
    slug: str | None = _option(
        UNSET, "The name of the copy in URLs. The default is made of the name."
    )
    links: bool = _option(True, "Whether to copy the trace links within the document.")
    tests: bool = _option(
        False,
        "Whether to copy the test cases that were executed for its requirements or are linked with"
        " its objects. Results are not copied: each copy gets an execution with the status NOT_RUN"
        " for each requirement.",
    )
    numbers: CopyNumbers = _option(CopyNumbers.KEEP, "The identifiers of the copies.")
    keep_status: bool = _option(
        False, "Whether requirements keep their status. By default copies are DRAFT."
    )


@input_for(Project, "A copy of a project.")
class ProjectCopyInput:
    name: str
    slug: str
    description: str | None = _option(
        UNSET, "The description of the copy. The default is the project's."
    )
    visibility: Visibility = Visibility.PRIVATE
    links: bool = _option(True, "Whether to copy the trace links within the project.")
    tests: bool = _option(
        True,
        "Whether to copy the test cases of the project. Results are not copied: each copy gets an"
        " execution with the status NOT_RUN for each requirement that it was executed for.",
    )
    numbers: CopyNumbers = _option(CopyNumbers.KEEP, "The identifiers of the copies.")
    keep_status: bool = _option(
        False, "Whether requirements keep their status. By default copies are DRAFT."
    )


@strawberry.type(description="The numbers of objects that were copied.")
class CopyCounts:
    documents: int = described("The number of documents.")
    blocks: int = described("The number of blocks.")
    requirements: int = described("The number of requirements.")
    columns: int = described("The number of columns of tables.")
    trace_links: int = described("The number of trace links.")
    test_cases: int = described("The number of test cases.")


@strawberry.type(description="The result of copying a document.")
class DocumentCopyPayload:
    document: Document = described("The new document.")
    counts: CopyCounts = described("The numbers of objects that were copied.")
    omitted_properties: list[str] = described(
        "The names of properties that the target does not have and the viewer may not define there."
        " Requirements have their values, and tables do not show them."
    )


@strawberry.type(description="The result of copying a project.")
class ProjectCopyPayload:
    project: Project = described("The new project.")
    counts: CopyCounts = described("The numbers of objects that were copied.")


@strawberry.type(description="The result of starting a copy.")
class CopyStartPayload:
    job_id: UUID = described("The ID of the job. `jobChanged` follows it.")

    @strawberry.field(
        description="The job. Once it succeeds, `Job.result` has the ID of the copy as `documentId`"
        " or `projectId`, with `counts` and `omittedProperties`."
    )
    async def job(self, info: Info) -> Job | None:
        return await info.context.one(JobRow, self.job_id)  # type: ignore[return-value]


def _options(input: Any) -> Options:
    return Options(
        links=input.links,
        tests=input.tests,
        renumber=input.numbers is CopyNumbers.RENUMBER,
        keep_status=input.keep_status,
    )


def _columns(input: Any) -> dict[str, Any]:
    return {name: value for name, value in given(input).items() if name not in OPTIONS}


async def document_copy(info: Info, id: Id, input: Input[DocumentCopyInput]) -> Any:
    values, options = _columns(input), _options(input)
    async with writing(info) as transaction:
        made = await copy_document(transaction, info.context.session, id, values, options)
    return DocumentCopyPayload(
        document=made.row,
        counts=CopyCounts(**made.counts),
        omitted_properties=made.omitted,
    )


async def project_copy(info: Info, id: Id, input: Input[ProjectCopyInput]) -> Any:
    values, options = _columns(input), _options(input)
    async with writing(info) as transaction:
        made = await copy_project(transaction, info.context.session, id, values, options)
    return ProjectCopyPayload(project=made.row, counts=CopyCounts(**made.counts))


async def document_copy_start(info: Info, id: Id, input: Input[DocumentCopyInput]) -> Any:
    values, options = _columns(input), _options(input)
    async with writing(info) as transaction:
        await require_room(transaction, KINDS, MAX_RUNNING, ROOM, DocumentRow)
        source = await transaction.find(DocumentRow, id, lock=False)
        target = values.get("project_id") or source.project_id
        project = await transaction.find(
            ProjectRow, target, lock=False, field=["project_id"], to_create=DocumentRow
        )
        if project.organization_id != source.organization_id:
            message = "The project is in another organization."
            raise Problem("INVALID", message, field=["project_id"])
        copy = DocumentRow(
            organization_id=project.organization_id,
            project_id=project.id,
            name=source.name,
            slug=source.slug,
        )
        transaction.require_create(copy)
        payload = payload_of_copy(id, values, options)
        job = await COPY_DOCUMENT.enqueue(transaction, source.organization_id, payload)
    assert job is not None  # noqa: S101 (it has no key)
    return CopyStartPayload(job_id=job)


async def project_copy_start(info: Info, id: Id, input: Input[ProjectCopyInput]) -> Any:
    values, options = _columns(input), _options(input)
    async with writing(info) as transaction:
        await require_room(transaction, KINDS, MAX_RUNNING, ROOM, ProjectRow)
        source = await transaction.find(ProjectRow, id, lock=False)
        copy = ProjectRow(
            organization_id=source.organization_id, name=values["name"], slug=values["slug"]
        )
        transaction.require_create(copy)
        payload = payload_of_copy(id, values, options)
        job = await COPY_PROJECT.enqueue(transaction, source.organization_id, payload)
    assert job is not None  # noqa: S101 (it has no key)
    return CopyStartPayload(job_id=job)


@strawberry.type
class Mutation:
    document_copy = mutation(
        document_copy,
        DocumentCopyPayload,
        "Copy a document with its blocks, requirements and tables, in its project or to another one"
        f" of the organization, all or nothing. At most {MAX_OBJECTS} blocks and requirements.",
    )
    project_copy = mutation(
        project_copy,
        ProjectCopyPayload,
        "Copy a project with its documents, properties and numbering rules, all or nothing. Members"
        f" are not copied. At most {MAX_OBJECTS} blocks and requirements.",
    )
    document_copy_start = mutation(
        document_copy_start,
        CopyStartPayload,
        "Copy a document as `documentCopy` does, by a job with progress. At most"
        f" {MAX_OF_JOB} blocks and requirements.",
        scope="requirements:write",
    )
    project_copy_start = mutation(
        project_copy_start,
        CopyStartPayload,
        "Copy a project as `projectCopy` does, by a job with progress. At most"
        f" {MAX_OF_JOB} blocks and requirements.",
        scope="organizations:write",
    )
