"""Summaries of documents: the numbers of their blocks and requirements, and the last change."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from db.requirements import documents as db
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.context import Context, Info
from graph.kit.fields import computed, described, extend_type, to_one
from graph.requirements.counting import require_present
from graph.requirements.documents import Document, DocumentFilterInput, DocumentOrderInput
from graph.requirements.sql.summaries import summaries


async def _summary(context: Context, document: UUID) -> Any:
    """Return the numbers of a document; those of all documents of a level by one statement."""

    async def batch(ids: list[UUID]) -> list[Any]:
        found = await summaries(context.session, ids)
        return [found.get(id) for id in ids]

    return await context.loader("document summaries", batch).load(document)


@strawberry.type(description="The size of a document, and its last change.")
class DocumentSummary:
    model = db.Document

    name: str = described("The name of the document.")
    document: Document | None = to_one("id", db.Document, Document, "The document.")

    @computed("id", text="The number of blocks in the document.")
    async def block_count(root: strawberry.Parent[Any], info: Info) -> int:  # noqa: N805
        found = await _summary(info.context, root.id)
        return found["block_count"] if found else 0

    @computed("id", text="The number of requirements in the document.")
    async def requirement_count(root: strawberry.Parent[Any], info: Info) -> int:  # noqa: N805
        found = await _summary(info.context, root.id)
        return found["requirement_count"] if found else 0

    @computed(
        "id",
        "updated_at",
        text="The date and time of the last change of the document, its blocks or its"
        " requirements.",
    )
    async def updated_at(root: strawberry.Parent[Any], info: Info) -> datetime:  # noqa: N805
        found = await _summary(info.context, root.id)
        changed: datetime = found["updated_at"] if found else root.updated_at
        return changed


@computed("id", "name", "updated_at", text="The size of the document, and its last change.")
def _of_document(root: strawberry.Parent[Any], info: Info) -> DocumentSummary | None:
    require_present(info.context, root, "summary")
    return root  # type: ignore[no-any-return]


extend_type(Document, summary=_of_document)
extend_type(
    Project,
    summaries=connection(
        db.Document,
        DocumentSummary,
        DocumentFilterInput,
        DocumentOrderInput,
        "The summaries of the documents of the project, in the order of the documents.",
        key="project_id",
        by=("position",),
    ),
)
