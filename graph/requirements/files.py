"""Files: attachments of objects, evidence of executions, thumbnails, and files to import."""

from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.policy.scopes import scopes_beneath
from auth.session import Row, ViewerSession
from db.base import Entity
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements import files as db
from db.requirements.documents import Document as DocumentRow
from db.requirements.external import ExternalDocument as ExternalDocumentRow
from db.requirements.files import FilePurpose, FileState
from db.requirements.testing import TestCase as TestCaseRow
from db.requirements.testing import TestExecution as TestExecutionRow
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.context import Context, Info
from graph.kit.entity_types import EntityType
from graph.kit.enums import describe_enum
from graph.kit.fields import Id, by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import Input, delete, given, mutation, restore, update, writing
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of
from graph.kit.scalars import BigInt
from graph.kit.storage import ANY, IMAGES, UPLOAD_LIFETIME, Storage, Stored
from graph.kit.uploads import FileUpload, StoredContent, begin, finish, resume, upload_of
from graph.requirements.any_type import find_any
from graph.requirements.documents import Document
from graph.requirements.executions import TestExecution
from graph.requirements.external_documents import ExternalDocument
from graph.requirements.testing import TestCase

OWNERS: dict[str, type[Entity]] = {
    "test_id": TestCaseRow,
    "execution_id": TestExecutionRow,
    "document_id": DocumentRow,
    "external_document_id": ExternalDocumentRow,
    "project_id": ProjectRow,
}
"""The models of objects that have files, by the key that names them. The project comes last: it
is also that of its other objects, whose files name them."""
KEYS = {model: key for key, model in OWNERS.items()}
MAX_THUMBNAIL_SIZE = 2_000_000
"""Bytes of a thumbnail, at most."""

describe_enum(
    FileState,
    "The state of a file.",
    {
        "PENDING": "The content has not been uploaded, or the upload is not finished.",
        "STORED": "The content is stored, and never changes.",
    },
)
describe_enum(
    FilePurpose,
    "The use of a file by the object that it belongs to.",
    {
        "ATTACHMENT": "An attachment of a document or a test case, or evidence of an execution.",
        "THUMBNAIL": "The thumbnail of a document. A document has at most one.",
    },
)


@strawberry.type(description="A file that belongs to an object, and that its viewers can download.")
class File(StoredContent, Authored, Node):
    model = db.File

    name: str = described("The name of the file.")
    media_type: str = described("The media type of the content, such as `image/png`.")
    size: BigInt = described("The size of the content, in bytes.")
    state: FileState = described("The state of the file.")
    purpose: FilePurpose = described("The use of the file.")
    expires_at: datetime | None = described(
        "The date and time until which the upload must be finished, or the file is removed; null"
        " once it is finished."
    )
    organization_id: UUID = described("The ID of the organization of the file.")
    project_id: UUID | None = described(
        "The ID of the project of the file; null if it belongs to an external document."
    )
    project: Project | None = to_one("project_id", ProjectRow, Project, "The project of the file.")
    document: Document | None = to_one(
        "document_id",
        DocumentRow,
        Document,
        "The document that the file belongs to; null if it belongs to another object.",
    )
    test_case: TestCase | None = to_one(
        "test_id",
        TestCaseRow,
        TestCase,
        "The test case that the file belongs to; null if it belongs to another object.",
    )
    test_execution: TestExecution | None = to_one(
        "execution_id",
        TestExecutionRow,
        TestExecution,
        "The execution that the file belongs to; null if it belongs to another object.",
    )

    external_document: ExternalDocument | None = to_one(
        "external_document_id",
        ExternalDocumentRow,
        ExternalDocument,
        "The external document that the file belongs to; null if it belongs to another object.",
    )

    @computed(*OWNERS, text="The ID of the object that the file belongs to.")
    def owner_id(root: strawberry.Parent[Any]) -> UUID:  # noqa: N805
        owner: UUID = next(filter(None, (getattr(root, key) for key in OWNERS)))
        return owner

    @computed(*OWNERS, text="The type of the object that the file belongs to.")
    def owner_type(root: strawberry.Parent[Any]) -> EntityType:  # noqa: N805
        return next(model.__name__ for key, model in OWNERS.items() if getattr(root, key))


FileFilterInput = filter_input(
    File,
    "id",
    *OWNERS,
    "name",
    "media_type",
    "state",
    "purpose",
    "created_at",
    "updated_at",
)
FileOrderInput = order_input(File, "name", "size", "created_at", "updated_at")


@strawberry.type(description="The result of a mutation that begins or resumes an upload.")
class FileUploadPayload:
    file: File = described("The file after the mutation.")
    upload: FileUpload | None = described(
        "The requests that upload the content; null if the storage does not answer. `fileResume`"
        " returns them later."
    )


@input_for(File, "A file to create, whose content is uploaded afterwards.")
class FileCreateInput:
    owner_id: UUID = strawberry.field(
        description="The ID of the object: a test case, an execution, a document, an external"
        " document, or a project, whose files can be imported."
    )
    name: str
    media_type: str
    size: BigInt
    purpose: FilePurpose = FilePurpose.ATTACHMENT


@input_for(File, "The fields of a file to change.")
class FileUpdateInput:
    name: Maybe[str] = UNSET


async def file_create(info: Info, input: Input[FileCreateInput]) -> Any:
    values = given(input)
    owner_id = values.pop("owner_id")
    values["media_type"] = values["media_type"].strip().lower()
    async with writing(info) as transaction:
        owner = (await find_any(transaction, KEYS, [owner_id], db.File)).get(owner_id)
        if owner is None:
            raise Problem("NOT_FOUND", "There is no such object.", field=["owner_id"])
        place: Any = scopes_beneath(type(owner), owner) | {KEYS[type(owner)]: owner_id}
        file = db.File(**place, **values)
        transaction.require_create(file)
        if file.purpose is FilePurpose.THUMBNAIL:
            _require_image(file)
        await begin(info, transaction, file)
    return FileUploadPayload(file=file, upload=await upload_of(info, file))  # type: ignore[arg-type]


async def store(
    session: ViewerSession, storage: Storage, project: UUID, name: str, content: bytes
) -> UUID:
    """Store a content that the gateway has received as a file of a project; return its ID.

    Raises NOT_FOUND, FORBIDDEN, INVALID, and LIMIT_REACHED when the plan has no room for it.
    """
    async with session.transaction() as transaction:
        owner = await transaction.find(ProjectRow, project, to_create=db.File, lock=False)
        place: Any = scopes_beneath(ProjectRow, owner)
        file = db.File(**place, name=name, media_type=ANY, size=len(content))
        transaction.require_create(file)
        file.expires_at = transaction.now + UPLOAD_LIFETIME
        transaction.add(file)
    digest = sha256(content).digest()
    await storage.put(Stored(file.id, digest, name, ANY), content)
    async with session.transaction() as transaction:
        file = await transaction.find(db.File, file.id)
        values: Any = {"state": FileState.STORED, "sha256": digest, "expires_at": None}
        transaction.change(file, None, **values)
    return file.id


def _require_image(file: db.File) -> None:
    if file.media_type not in IMAGES:
        message = f"A thumbnail is {', '.join(sorted(IMAGES))}."
        raise Problem("INVALID", message, field=["media_type"])
    if file.size > MAX_THUMBNAIL_SIZE:
        message = f"A thumbnail has at most {MAX_THUMBNAIL_SIZE} bytes."
        raise Problem("INVALID", message, field=["size"])


async def file_resume(info: Info, id: Id) -> Any:
    file = await resume(info, db.File, id)
    return FileUploadPayload(file=file, upload=await upload_of(info, file))  # type: ignore[arg-type]


async def file_finish(info: Info, id: Id) -> Any:
    return answer(payload_of(File), await finish(info, db.File, id))


async def _thumbnails(context: Context, ids: list[UUID]) -> list[Row | None]:
    found = await context.session.pages(
        db.File,
        "document_id",
        ids,
        db.File.purpose == FilePurpose.THUMBNAIL,
        db.File.state == FileState.STORED,
    )
    return [page[0] if (page := found.get(id)) else None for id in ids]


@computed("id", text="The thumbnail of the document; null if it has none.")
async def _thumbnail(root: strawberry.Parent[Any], info: Info) -> File | None:
    context = info.context

    async def batch(ids: list[UUID]) -> list[Row | None]:
        return await _thumbnails(context, ids)

    thumbnail: File | None = await context.loader("thumbnails", batch).load(root.id)
    return thumbnail


def _files(key: str | None, text: str) -> Any:
    return connection(db.File, File, FileFilterInput, FileOrderInput, text, key=key)


extend_type(Project, files=_files("project_id", "The files of the objects in the project."))
extend_type(
    Document,
    files=_files("document_id", "The files of the document itself."),
    thumbnail=_thumbnail,
)
extend_type(TestCase, files=_files("test_id", "The files of the test case."))
extend_type(
    TestExecution, files=_files("execution_id", "The files that prove the result of the execution.")
)
extend_type(
    ExternalDocument,
    files=_files("external_document_id", "The files with the content of the external document."),
)


@strawberry.type
class Query:
    file = by_id(db.File, File, "Look up a file by its ID.")
    files = _files(None, "List files that the viewer can read.")


@strawberry.type
class Mutation:
    file_create = mutation(
        file_create,
        FileUploadPayload,
        "Create a file of an object, and get the requests that upload its content. Finish the"
        " upload with `fileFinish`.",
    )
    file_resume = mutation(
        file_resume,
        FileUploadPayload,
        "Get new requests for an upload that is not finished, with what has been uploaded.",
    )
    file_finish = mutation(
        file_finish,
        payload_of(File),
        "Finish an upload: verify the size and the type of the content, and store it.",
    )
    file_update = update(File, FileUpdateInput, "Rename a file.")
    file_delete = delete(
        File,
        "Delete a file. It can be restored, and counts towards the storage until it is purged.",
    )
    file_restore = restore(File, "Restore a deleted file.")
