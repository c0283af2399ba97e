"""Imports and exports in the API: jobs on stored files, their reports, and the files they write."""

from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET

from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from db.core.jobs import Job as JobRow
from db.core.projects import Project
from db.problem import Problem
from db.requirements.baselines import Baseline
from db.requirements.change_sets import ChangeSet as ChangeSetRow
from db.requirements.documents import Document
from db.requirements.files import File, FileState
from db.requirements.requirements import Requirement
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import described
from graph.kit.filters import matches
from graph.kit.json_items import web_url
from graph.kit.mutations import Input, mutation, writing
from graph.kit.stored_filter import stored
from graph.platform.jobs.room import require_room
from graph.platform.jobs.types import Job
from graph.requirements.exchange.files.fetching import name_in
from graph.requirements.exchange.formats.junit.recording import UnknownTests
from graph.requirements.exchange.jobs import EXPORT, IMPORT, KINDS
from graph.requirements.exchange.model.draft import Limits
from graph.requirements.exchange.model.fields import TARGETS
from graph.requirements.exchange.registry import every_format, format_of
from graph.requirements.exchange.store.kept import export_of
from graph.requirements.import_mappings import ColumnMappingInput, delimiter_of, saved_mapping
from graph.requirements.printing.job import PRINTED
from graph.requirements.printing.labels import ExportLanguage
from graph.requirements.requirements import RequirementFilterInput

MAX_RUNNING = 5
"""Imports and exports of one user that wait or run at the same time."""
ROOM = "imports and exports"
MAX_COLUMNS = 500


class ExchangeFormat(Enum):
    """The format of a file with requirements: those of the exchange, and printed ones."""

    _ignore_ = ["ExchangeFormat", "each"]
    ExchangeFormat = vars()
    for each in every_format():
        ExchangeFormat[each.member] = each.key
    HTML = "html"
    PDF = "pdf"
    TEST_MATRIX = "matrix"


describe_enum(
    ExchangeFormat,
    "The format of a file with requirements.",
    {each.member: each.description for each in every_format()}
    | {
        "HTML": "A document to read and print, with tests, coverage and a signature page. It is not"
        " imported.",
        "PDF": "As HTML, at most 10,000 requirements. It is not imported.",
        "TEST_MATRIX": "A workbook with a row for each requirement and a column for each test. It"
        " is not imported.",
    },
)


@strawberry.input(description="A file to import into a project.")
class ImportStartInput:
    project_id: UUID = strawberry.field(description="The ID of the project.")
    file_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of the file, whose upload is finished. It belongs to the project or to"
        " an object in it. Give either a file or a URL.",
    )
    url: str | None = strawberry.field(
        default=UNSET,
        description="The URL of the file, which the job downloads from a public server: within two"
        f" minutes, at most {Limits().size:,} bytes. Give either a file or a URL.",
    )
    format: ExchangeFormat | None = strawberry.field(
        default=UNSET, description="The format. By default, it follows from the name of the file."
    )
    document_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of the document that a file with one document is imported into.",
    )
    document_name: str | None = strawberry.field(
        default=UNSET, description="The name of the document, for a file with one document."
    )
    columns: list[ColumnMappingInput] | None = strawberry.field(
        default=UNSET,
        description="The fields of columns that are not recognized, at most"
        f" {MAX_COLUMNS}. All other columns are mapped by their names.",
    )
    unknown_tests: UnknownTests = strawberry.field(
        default=UnknownTests.REPORT,
        description="The treatment of results whose test case is not in the project, for JUNIT.",
    )
    mapping_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of a saved mapping of the project. `columns`, `delimiter` and"
        " `encoding` take precedence over it.",
    )
    delimiter: str | None = strawberry.field(
        default=UNSET, description="The delimiter of a CSV file. Detected by default."
    )
    encoding: str | None = strawberry.field(
        default=UNSET, description="The encoding of a CSV file that is not Unicode: `cp1252`."
    )
    export_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of the job that exported the file. The file is a returned copy of the"
        " export: what differs from the export is proposed as a change set, and merged with what"
        " was changed in the project meanwhile. Nothing else is written.",
    )
    propose_deletions: bool = strawberry.field(
        default=False,
        description="Whether the change set proposes to delete what was exported and is not in the"
        " returned file.",
    )


@strawberry.input(description="What to export, and how.")
class ExportStartInput:
    project_id: UUID = strawberry.field(description="The ID of the project.")
    document_id: UUID | None = strawberry.field(
        default=UNSET, description="The ID of a document; by default all documents are exported."
    )
    format: ExchangeFormat = strawberry.field(description="The format of the file.")
    language: ExportLanguage = strawberry.field(
        default=ExportLanguage.EN,
        description="The language of the labels of HTML, PDF and TEST_MATRIX. Other formats have"
        " the names of the format.",
    )
    filter: RequirementFilterInput | None = strawberry.field(
        default=UNSET,
        description="Only requirements that match are exported, with the documents and headings"
        " that contain them.",
    )
    baseline_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of a baseline: its content is exported in place of the present one.",
    )
    change_set_id: UUID | None = strawberry.field(
        default=UNSET,
        description="The ID of an open change set: the state that it proposes is exported.",
    )


@strawberry.type(description="The result of starting an import.")
class ImportStartPayload:
    job_id: UUID = described("The ID of the job. `jobChanged` follows it.")

    @strawberry.field(description="The job. `Job.importReport` has the report once it succeeds.")
    async def job(self, info: Info) -> Job | None:
        return await info.context.one(JobRow, self.job_id)  # type: ignore[return-value]


@strawberry.type(description="The result of starting an export.")
class ExportStartPayload:
    job_id: UUID = described("The ID of the job. `jobChanged` follows it.")

    @strawberry.field(description="The job. `Job.exportedFile` has the file once it succeeds.")
    async def job(self, info: Info) -> Job | None:
        return await info.context.one(JobRow, self.job_id)  # type: ignore[return-value]


DryRun = Annotated[
    bool,
    strawberry.argument(
        description="Whether to report what the import would do, without storing anything."
    ),
]


async def import_start(info: Info, input: Input[ImportStartInput], dry_run: DryRun = False) -> Any:
    async with writing(info) as transaction:
        await require_room(transaction, KINDS, MAX_RUNNING, ROOM, Document)
        project = await transaction.find(
            Project, input.project_id, lock=False, field=["project_id"], to_create=Document
        )
        place: Any = scopes_beneath(Project, project)
        transaction.require_create(Document(**place, name="Imported", slug="imported"))
        url = _url(input)
        mapping: Any = None
        if input.mapping_id:
            mapping = await saved_mapping(transaction, project, input.mapping_id)
        saved = {each["column"]: each["field"] for each in mapping.columns} if mapping else {}
        payload = {
            "projectId": str(project.id),
            "fileId": str(input.file_id) if input.file_id else None,
            "url": url,
            "format": await _require_importable(transaction, project, input, url),
            "documentId": await _document(transaction, project, input.document_id or None),
            "documentName": input.document_name or None,
            "columns": saved | _columns(input.columns or []),
            "delimiter": delimiter_of(input.delimiter or (mapping and mapping.delimiter) or None),
            "encoding": input.encoding or (mapping and mapping.encoding) or None,
            "unknownTests": input.unknown_tests.value,
            "exportId": await _export(info, project, input),
            "proposeDeletions": input.propose_deletions,
            "dryRun": dry_run,
        }
        job = await IMPORT.enqueue(transaction, project.organization_id, payload)
    assert job is not None  # noqa: S101 (it has no key)
    return ImportStartPayload(job_id=job)


def _url(input: ImportStartInput) -> str | None:
    """Return the URL of the file; None if a file is given. Raises INVALID unless one is."""
    if bool(input.file_id) == bool(input.url):
        raise Problem("INVALID", "Give either a file or a URL.", field=["url"])
    if not input.url:
        return None
    try:
        return web_url(input.url)
    except ValueError as error:
        raise Problem("INVALID", str(error), field=["url"]) from None


async def _require_importable(
    transaction: Transaction, project: Project, input: ImportStartInput, url: str | None
) -> str:
    """Return the format that the file is read as. Raises INVALID and NOT_FOUND."""
    name = name_in(url) if url else await _stored_name(transaction, project, input)
    given: Any = input.format.value if input.format else None
    if given in PRINTED:
        raise Problem("INVALID", "This format is only exported.", field=["format"])
    try:
        return format_of(name, given)
    except Problem as problem:
        raise Problem("INVALID", problem.message, field=["format"]) from None


async def _stored_name(transaction: Transaction, project: Project, input: ImportStartInput) -> str:
    """Return the name of a stored file of the project. Raises INVALID and NOT_FOUND."""
    at = ["file_id"]
    assert input.file_id  # noqa: S101 (`_url` requires it)
    file = await transaction.find(File, input.file_id, lock=False, field=at)
    if file.state is not FileState.STORED:
        raise Problem("INVALID", "The upload of the file is not finished.", field=at)
    if file.project_id != project.id:
        raise Problem("INVALID", "The file belongs to another project.", field=at)
    if file.size > Limits().size:
        raise Problem("INVALID", f"The file has more than {Limits().size:,} bytes.", field=at)
    name: str = file.name
    return name


async def _document(transaction: Transaction, project: Project, id: UUID | None) -> str | None:
    """Return the ID of a document of the project as a text. Raises NOT_FOUND."""
    if id is None:
        return None
    document = await transaction.find(Document, id, lock=False, field=["document_id"])
    if document.project_id != project.id:
        raise Problem("INVALID", "The document is in another project.", field=["document_id"])
    return str(id)


async def _export(info: Info, project: Project, input: ImportStartInput) -> str | None:
    """Return the ID of an export of the project as a text. Raises NOT_FOUND."""
    if not input.export_id:
        if input.propose_deletions:
            message = "Only a returned file can propose deletions."
            raise Problem("INVALID", message, field=["propose_deletions"])
        return None
    if await export_of(info.context.session, project.id, input.export_id) is None:
        message = "There is no such export of the project."
        raise Problem("NOT_FOUND", message, field=["export_id"])
    return str(input.export_id)


def _columns(columns: list[ColumnMappingInput]) -> dict[str, str]:
    if len(columns) > MAX_COLUMNS:
        raise Problem("INVALID", f"At most {MAX_COLUMNS} columns.", field=["columns"])
    for index, each in enumerate(columns):
        if each.field not in TARGETS:
            message = f"Must be one of {', '.join(TARGETS)}."
            raise Problem("INVALID", message, field=["columns", index, "field"])
    return {each.column: each.field for each in columns}


async def export_start(info: Info, input: Input[ExportStartInput]) -> Any:
    async with writing(info) as transaction:
        if input.format is ExchangeFormat("junit"):
            raise Problem("INVALID", "This format is only imported.", field=["format"])
        await require_room(transaction, KINDS, MAX_RUNNING, ROOM, Document)
        if input.document_id:
            document = await transaction.find(
                Document, input.document_id, lock=False, field=["document_id"]
            )
            organization, project_id = document.organization_id, document.project_id
            if project_id != input.project_id:
                message = "The document is in another project."
                raise Problem("INVALID", message, field=["document_id"])
        else:
            project = await transaction.find(
                Project, input.project_id, lock=False, field=["project_id"], to_create=Document
            )
            organization, project_id = project.organization_id, project.id
        payload = {
            "projectId": str(project_id),
            "documentId": str(input.document_id) if input.document_id else None,
            "format": input.format.value,
            "language": input.language.value,
            **await _selected(transaction, project_id, input),
        }
        job = await EXPORT.enqueue(transaction, organization, payload)
    assert job is not None  # noqa: S101 (it has no key)
    return ExportStartPayload(job_id=job)


async def _selected(
    transaction: Transaction, project: UUID, input: ExportStartInput
) -> dict[str, Any]:
    """Return the arguments that select what is exported. Raises INVALID and NOT_FOUND."""
    if input.baseline_id and input.change_set_id:
        message = "Give a baseline or a change set, not both."
        raise Problem("INVALID", message, field=["change_set_id"])
    states = (("baseline_id", Baseline), ("change_set_id", ChangeSetRow))
    for name, model in states:
        if id := getattr(input, name) or None:
            row: Any = await transaction.find(model, id, lock=False, field=[name])
            if row.project_id != project:
                message = "It belongs to another project."
                raise Problem("INVALID", message, field=[name])
    if input.filter:
        matches(Requirement, input.filter)
    return {
        "filter": stored(input.filter) if input.filter else None,
        "baselineId": str(input.baseline_id) if input.baseline_id else None,
        "changeSetId": str(input.change_set_id) if input.change_set_id else None,
    }


@strawberry.type
class Mutation:
    import_start = mutation(
        import_start,
        ImportStartPayload,
        "Import a file of requirements into a project by a job: all of it in one transaction, or"
        " nothing. Objects are matched by their external IDs.",
        scope="requirements:write",
    )
    export_start = mutation(
        export_start,
        ExportStartPayload,
        "Write the documents of a project, or one of them, into a file by a job. What the viewer"
        " cannot read is not in it.",
        scope="requirements:write",
    )
