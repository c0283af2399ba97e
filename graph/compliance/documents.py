"""Documents that are assessed for compliance, and their upload."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.policy.scopes import scopes_beneath
from db.compliance import documents as db
from db.compliance.documents import UploadStatus
from db.core.organizations import Organization as OrganizationRow
from db.core.people import Profile as ProfileRow
from db.problem import Problem
from graph.compliance.jobs import EXTRACT
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import Id, by_id, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import Input, delete, given, mutation, restore, update, writing
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of
from graph.kit.scalars import BigInt
from graph.kit.storage import WrongType
from graph.kit.uploads import FileUpload, StoredContent, begin, finish, resume, upload_of

MAX_SIZE = 50_000_000
"""Bytes of a document, at most."""
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXT = "text/plain"
TYPES = (PDF, DOCX, TEXT)
"""The media types of documents that can be assessed."""


describe_enum(
    UploadStatus,
    "The status of the upload of a document.",
    {
        "UPLOADING": "The content has not been uploaded, or the upload is not finished.",
        "READY": "The content is stored, and can be assessed.",
        "ERROR": "The upload was not finished within a day, or the content cannot be read.",
    },
)


@strawberry.type(description="A document that can be assessed for compliance.")
class ComplianceDocument(StoredContent, Authored, Node):
    model = db.ComplianceDocument

    name: str = described("The name of the file.")
    media_type: str = described(f"The media type of the content: `{'`, `'.join(TYPES)}`.")
    size: BigInt = described("The size of the content, in bytes.")
    status: UploadStatus = described("The status of the upload.")
    error_message: str | None = described("The reason for the status `ERROR`; otherwise null.")
    page_count: int | None = described(
        "The number of pages; null until the text has been extracted."
    )
    uploaded_at: datetime | None = described(
        "The date and time when the upload was finished; null before."
    )
    expires_at: datetime | None = described(
        "The date and time until which the upload must be finished; null once it is."
    )
    organization_id: UUID = described("The ID of the organization of the document.")
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization of the document."
    )
    user: Profile | None = to_one(
        "user_id", ProfileRow, Profile, "The user who uploaded the document."
    )


ComplianceDocumentFilterInput = filter_input(
    ComplianceDocument,
    "id",
    "organization_id",
    "user_id",
    "name",
    "media_type",
    "status",
    "created_at",
    "updated_at",
)
ComplianceDocumentOrderInput = order_input(
    ComplianceDocument, "name", "size", "created_at", "updated_at"
)


@strawberry.type(description="The result of a mutation that starts or resumes an upload.")
class ComplianceDocumentUploadPayload:
    compliance_document: ComplianceDocument = described("The document after the mutation.")
    upload: FileUpload | None = described(
        "The requests that upload the content; null if the storage does not answer."
        " `complianceDocumentUploadResume` returns them later."
    )


@input_for(ComplianceDocument, "A document to upload.")
class ComplianceDocumentUploadStartInput:
    organization_id: UUID
    name: str
    media_type: str
    size: BigInt = strawberry.field(
        description=f"The size of the content in bytes, at most {MAX_SIZE:,}."
    )


@input_for(ComplianceDocument, "The fields of a document to change.")
class ComplianceDocumentUpdateInput:
    name: Maybe[str] = UNSET


async def upload_start(info: Info, input: Input[ComplianceDocumentUploadStartInput]) -> Any:
    values = given(input)
    values["media_type"] = values["media_type"].strip().lower()
    async with writing(info) as transaction:
        organization = await transaction.find(
            OrganizationRow,
            values.pop("organization_id"),
            to_create=db.ComplianceDocument,
            lock=False,
            field=["organization_id"],
        )
        place: Any = scopes_beneath(OrganizationRow, organization)
        document = db.ComplianceDocument(**place, **values, user_id=transaction.person)
        transaction.require_create(document)
        if document.media_type not in TYPES:
            message = f"A document is {', '.join(TYPES)}."
            raise Problem("INVALID", message, field=["media_type"])
        if document.size > MAX_SIZE:
            raise Problem("INVALID", f"At most {MAX_SIZE:,} bytes.", field=["size"])
        await begin(info, transaction, document)
    return await _uploading(info, document)


async def upload_resume(info: Info, id: Id) -> Any:
    return await _uploading(info, await resume(info, db.ComplianceDocument, id))


async def _uploading(info: Info, document: Any) -> ComplianceDocumentUploadPayload:
    upload = await upload_of(info, document)
    return ComplianceDocumentUploadPayload(compliance_document=document, upload=upload)


async def upload_finish(info: Info, id: Id) -> Any:
    payload = payload_of(ComplianceDocument)
    try:
        document = await finish(info, db.ComplianceDocument, id)
    except WrongType as refused:
        async with writing(info, None) as transaction:
            document = await transaction.find(db.ComplianceDocument, id)
            failed: Any = {"status": UploadStatus.ERROR, "error_message": refused.message}
            transaction.change(document, None, **failed, expires_at=None)
        return answer(payload, document)
    if document.page_count is None:
        async with writing(info, None) as transaction:
            await EXTRACT.enqueue(
                transaction,
                document.organization_id,
                {"documentId": str(id)},
                key=f"{id}",
            )
    return answer(payload, document)


def _documents(key: str | None, text: str) -> Any:
    return connection(
        db.ComplianceDocument,
        ComplianceDocument,
        ComplianceDocumentFilterInput,
        ComplianceDocumentOrderInput,
        text,
        key=key,
    )


extend_type(
    Organization,
    compliance_documents=_documents(
        "organization_id", "The documents of the organization that can be assessed for compliance."
    ),
)


@strawberry.type
class Query:
    compliance_document = by_id(
        db.ComplianceDocument,
        ComplianceDocument,
        "Look up a document that can be assessed for compliance by its ID.",
    )
    compliance_documents = _documents(
        None, "List documents that can be assessed for compliance, and that the viewer can read."
    )


@strawberry.type
class Mutation:
    compliance_document_upload_start = mutation(
        upload_start,
        ComplianceDocumentUploadPayload,
        "Create a document of the viewer in an organization, and get the requests that upload its"
        " content. Their URLs are valid for 15 minutes. Finish the upload with"
        " `complianceDocumentUploadFinish`.",
    )
    compliance_document_upload_resume = mutation(
        upload_resume,
        ComplianceDocumentUploadPayload,
        "Get new requests for an upload that is not finished, with what has been uploaded.",
    )
    compliance_document_upload_finish = mutation(
        upload_finish,
        payload_of(ComplianceDocument),
        "Finish an upload: verify the size and the type of the content, and store it. A content of"
        " another type sets the status `ERROR`; an upload that is not complete is `INVALID`, and"
        " can go on.",
    )
    compliance_document_update = update(
        ComplianceDocument, ComplianceDocumentUpdateInput, "Rename a document."
    )
    compliance_document_delete = delete(
        ComplianceDocument,
        "Delete a document with its assessments. It can be restored, and counts towards the storage"
        " until it is purged.",
    )
    compliance_document_restore = restore(
        ComplianceDocument, "Restore a deleted document with its assessments."
    )
