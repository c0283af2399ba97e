"""Documents: specifications within a project."""

from uuid import UUID

import strawberry
from strawberry import Maybe

from db.core.projects import Project as ProjectRow
from db.requirements import documents as db
from graph.core.people import Authored
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.fields import by_id, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import delete, restore, revert, update
from graph.kit.node import Node
from graph.requirements.change_sets.overlay import in_change_set


@strawberry.type(description="A specification: an ordered tree of blocks that hold requirements.")
class Document(Authored, Node):
    model = db.Document

    name: str = described("The name of the document.")
    slug: str = described("The name of the document in URLs, unique within the project.")
    description: str | None = described("The description of the document.")
    tags: list[str] = described("The tags of the document.")
    external_id: str | None = described("The identifier of the document in another system.")
    position: float = described("The position of the document in its project.")
    is_template: bool = described(
        "Whether the document is a template: one to be copied with `documentCopy`."
    )
    organization_id: UUID = described("The ID of the organization of the document.")
    project_id: UUID = described("The ID of the project of the document.")
    project: Project | None = to_one(
        "project_id",
        ProjectRow,
        Project,
        "The project of the document; null if only the document is shared with the viewer.",
    )


DocumentFilterInput = filter_input(
    Document,
    "id",
    "project_id",
    "name",
    "slug",
    "description",
    "external_id",
    "tags",
    "position",
    "is_template",
    "created_at",
    "updated_at",
)
DocumentOrderInput = order_input(Document, "position", "name", "created_at", "updated_at")


@input_for(Document, "The fields of a document to change.")
class DocumentUpdateInput:
    name: Maybe[str]
    slug: Maybe[str]
    description: Maybe[str | None]
    tags: Maybe[list[str]]
    external_id: Maybe[str | None]
    is_template: Maybe[bool]


extend_type(
    Project,
    documents=connection(
        db.Document,
        Document,
        DocumentFilterInput,
        DocumentOrderInput,
        "The documents of the project, in order.",
        key="project_id",
        by=("position",),
    ),
)


@strawberry.type
class Query:
    document = by_id(db.Document, Document, "Look up a document by its ID.", proposed=in_change_set)
    documents = connection(
        db.Document,
        Document,
        DocumentFilterInput,
        DocumentOrderInput,
        "List documents that the viewer can read.",
    )


@strawberry.type
class Mutation:
    document_update = update(Document, DocumentUpdateInput, "Update a document.")
    document_revert = revert(Document)
    document_delete = delete(
        Document, "Delete a document with everything in it. It can be restored."
    )
    document_restore = restore(Document, "Restore a deleted document with everything in it.")
