"""Following documents and requirements."""

from collections.abc import AsyncGenerator
from uuid import UUID

import strawberry

from db.requirements.documents import Document
from db.requirements.requirements import Requirement
from graph.core.changes import After, ChangeEvent, Fields, Types, stream
from graph.kit.context import Info


@strawberry.type
class Subscription:
    @strawberry.subscription(description="What happens in a document.")
    async def document_changed(
        self,
        info: Info,
        id: UUID,
        after: After = None,
        types: Types = None,
        fields: Fields = None,
    ) -> AsyncGenerator[ChangeEvent, None]:
        row = await info.context.get(Document, id)
        return stream("document", row.id, row.organization_id, after, types, fields)

    @strawberry.subscription(description="What happens to a requirement, wherever it is moved.")
    async def requirement_changed(
        self, info: Info, id: UUID, after: After = None, fields: Fields = None
    ) -> AsyncGenerator[ChangeEvent, None]:
        row = await info.context.get(Requirement, id)
        return stream("entity", row.id, row.organization_id, after, None, fields)
