"""The documents that the viewer has opened last."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from auth.policy import require_token_scope
from db.core import stars as db
from db.requirements.documents import Document as DocumentRow
from graph.core.people import Viewer
from graph.core.sql.stars import visits
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.fields import Id, described, extend_type, to_one
from graph.kit.inputs import filter_input, order_input
from graph.kit.mutations import mutation, writing
from graph.kit.payloads import answer, payload_of
from graph.requirements.documents import Document
from graph.requirements.sql.visits import IS_THERE


@strawberry.type(description="The last visit of the viewer to a document.")
class DocumentVisit:
    visited_at: datetime = described("The date and time of the visit.")
    document_id: UUID = described("The ID of the document.")
    document: Document | None = to_one(
        "document_id",
        DocumentRow,
        Document,
        "The document; null if the viewer cannot read it.",
    )


extend_type(
    Viewer,
    recent_documents=connection(
        db.Visit,
        DocumentVisit,
        filter_input(DocumentVisit, "document_id", "visited_at", model=db.Visit),
        order_input(DocumentVisit, "visited_at"),
        f"The last {db.MAX_VISITS} documents that the viewer has visited, by default the latest"
        " first. `documentVisit` records a visit.",
        by=("visited_at",),
        newest_first=True,
        where=(*visits(to_documents=True), IS_THERE),
    ),
)


async def document_visit(info: Info, id: Id) -> Any:
    require_token_scope(info.context.viewer, "update", DocumentRow)
    async with writing(info, None) as transaction:
        document = await transaction.find(DocumentRow, id, lock=False)
        await transaction.call(db.visit(document.project_id, document.id))
    return answer(payload_of(Document), await info.context.get(DocumentRow, id))


@strawberry.type
class Mutation:
    document_visit = mutation(
        document_visit,
        payload_of(Document),
        "Record that the viewer has opened a document, for `Viewer.recentDocuments` and"
        " `ProjectMember.lastAccessedAt`. Front ends call it when they show the document.",
        scope="requirements:write",
    )
