"""Documents: specifications within a project."""

from enum import Enum
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from db.core.projects import Project as ProjectRow
from db.requirements import documents as db
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.connection import Direction, connection
from graph.kit.fields import by_id, described, extend_type, to_one
from graph.kit.filters import (
    DateTimeFilter,
    FloatFilter,
    StringFilter,
    TagsFilter,
    UUIDFilter,
    named,
)
from graph.kit.mutations import Payload, delete, restore, revert, update
from graph.kit.node import Node


@strawberry.type(description="A specification: blocks in order, with requirements in them.")
class Document(Authored, Node):
    model = db.Document

    name: str = described("What it is called.")
    slug: str = described("Its name in addresses, unique in its project.")
    description: str | None = described("What it specifies.")
    tags: list[str] = described("Words to find it by.")
    external_id: str | None = described("Its name in another system.")
    position: float = described("Its place among the project's documents.")
    organization_id: UUID = described("The organization it belongs to.")
    project_id: UUID = described("The project it belongs to.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "Its project; null when only the document is shared."
    )


@strawberry.input
class DocumentFilter:
    id: UUIDFilter | None = UNSET
    project_id: UUIDFilter | None = UNSET
    name: StringFilter | None = UNSET
    slug: StringFilter | None = UNSET
    description: StringFilter | None = UNSET
    external_id: StringFilter | None = UNSET
    tags: TagsFilter | None = UNSET
    position: FloatFilter | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    updated_at: DateTimeFilter | None = UNSET
    and_: list["DocumentFilter"] | None = named("and")
    or_: list["DocumentFilter"] | None = named("or")
    not_: "DocumentFilter | None" = named("not")


@strawberry.enum
class DocumentSort(Enum):
    POSITION = "position"
    NAME = "name"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


@strawberry.input
class DocumentOrder:
    by: DocumentSort
    direction: Direction = Direction.ASC


@strawberry.input
class DocumentUpdate:
    name: Maybe[str]
    slug: Maybe[str]
    description: Maybe[str | None]
    tags: Maybe[list[str]]
    external_id: Maybe[str | None]
    position: Maybe[float]


@strawberry.type
class DocumentPayload(Payload):
    document: Document


extend_type(
    Project,
    documents=connection(
        db.Document,
        Document,
        DocumentFilter,
        DocumentOrder,
        "Its documents.",
        key="project_id",
        by=("position",),
    ),
)


@strawberry.type
class Query:
    document = by_id(db.Document, Document, "One document.")
    documents = connection(
        db.Document, Document, DocumentFilter, DocumentOrder, "The documents the viewer may see."
    )


@strawberry.type
class Mutation:
    document_update = update(db.Document, DocumentPayload, DocumentUpdate, "Change a document.")
    document_revert = revert(db.Document, DocumentPayload)
    document_delete = delete(
        db.Document, DocumentPayload, "Delete a document, and hide all it holds."
    )
    document_restore = restore(db.Document, DocumentPayload, "Bring a deleted document back.")
