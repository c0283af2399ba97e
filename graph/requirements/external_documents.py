"""External documents: documents of an organization that are kept elsewhere, or stored as files."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.session import Transaction
from db.core.organizations import Organization as OrganizationRow
from db.requirements import external as db
from graph.core.organizations import Organization
from graph.core.people import Authored
from graph.kit.connection import connection
from graph.kit.fields import by_id, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.items import Found, Item, unrefused
from graph.kit.mutations import create, delete, restore, update
from graph.kit.node import Node
from graph.kit.scalars import BigInt

CHECK = ("checked_at", "check_status", "check_error")
"""The columns of the last check of the URL."""


@strawberry.type(
    description="A document of an organization that is kept in another system, or whose content is"
    " stored as a file."
)
class ExternalDocument(Authored, Node):
    model = db.ExternalDocument

    name: str = described("The name of the external document.")
    url: str | None = described("The http or https URL of the document in the other system.")
    type: str | None = described("The type of the document, such as `application/pdf`.")
    size: BigInt | None = described("The size of the document, in bytes.")
    gumloop_name: str | None = described("The name of the document in Gumloop.")
    extracted_text: str | None = described(
        "The text that the document processor has extracted, in plain text: escape it like any text"
        " of a user. Null before it is processed."
    )
    processed_at: datetime | None = described(
        "The date and time when the text was extracted; null before."
    )
    organization_id: UUID = described("The ID of the organization of the external document.")
    organization: Organization | None = to_one(
        "organization_id",
        OrganizationRow,
        Organization,
        "The organization of the external document.",
    )


ExternalDocumentFilterInput = filter_input(
    ExternalDocument,
    "id",
    "organization_id",
    "name",
    "url",
    "type",
    "gumloop_name",
    "created_at",
    "updated_at",
)
ExternalDocumentOrderInput = order_input(
    ExternalDocument, "name", "type", "created_at", "updated_at"
)


@input_for(ExternalDocument, "An external document to create in an organization.")
class ExternalDocumentCreateInput:
    organization_id: UUID
    name: str
    url: str | None = UNSET
    type: str | None = UNSET
    size: BigInt | None = UNSET
    gumloop_name: str | None = UNSET


@input_for(ExternalDocument, "The fields of an external document to change.")
class ExternalDocumentUpdateInput:
    name: Maybe[str]
    url: Maybe[str | None]
    type: Maybe[str | None]
    size: Maybe[BigInt | None]
    gumloop_name: Maybe[str | None]


async def _forget_check(_: Transaction, items: Sequence[Item], __: Found) -> None:
    """Forget the check of a URL that is replaced by another one."""
    for item in unrefused(items):
        if "url" in item.values and item.values["url"] != item.before.get("url"):
            for column in CHECK:
                setattr(item.row, column, None)


def _external_documents(key: str | None, text: str) -> Any:
    return connection(
        db.ExternalDocument,
        ExternalDocument,
        ExternalDocumentFilterInput,
        ExternalDocumentOrderInput,
        text,
        key=key,
    )


extend_type(
    Organization,
    external_documents=_external_documents(
        "organization_id", "The external documents of the organization."
    ),
)


@strawberry.type
class Query:
    external_document = by_id(
        db.ExternalDocument, ExternalDocument, "Look up an external document by its ID."
    )
    external_documents = _external_documents(
        None, "List external documents that the viewer can read."
    )


@strawberry.type
class Mutation:
    external_document_create = create(
        ExternalDocument,
        ExternalDocumentCreateInput,
        "Create an external document in an organization.",
        within=(OrganizationRow, "organization_id"),
    )
    external_document_update = update(
        ExternalDocument,
        ExternalDocumentUpdateInput,
        "Update an external document.",
        prepare=_forget_check,
    )
    external_document_delete = delete(
        ExternalDocument, "Delete an external document with its files. It can be restored."
    )
    external_document_restore = restore(
        ExternalDocument, "Restore a deleted external document with its files."
    )
