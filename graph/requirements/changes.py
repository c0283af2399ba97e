"""Following documents, requirements and reviews."""

from collections.abc import AsyncGenerator

import strawberry

from db.requirements.documents import Document
from db.requirements.requirements import Requirement
from db.requirements.reviews import Review
from graph.core.changes import After, ChangeEvent, Fields, Types, stream
from graph.core.feed import followable
from graph.kit.context import Info
from graph.kit.fields import Id
from graph.requirements import documents, requirements
from graph.requirements.reviews import types as reviews


@strawberry.type
class Subscription:
    @strawberry.subscription(description="The changes of the objects in a document.")
    async def document_changed(
        self,
        info: Info,
        id: Id,
        after: After = None,
        types: Types = None,
        fields: Fields = None,
    ) -> AsyncGenerator[ChangeEvent, None]:
        row = await info.context.get(Document, id)
        return stream("document", row, after, types, fields)

    @strawberry.subscription(description="The changes of a requirement, wherever it is moved.")
    async def requirement_changed(
        self, info: Info, id: Id, after: After = None, fields: Fields = None
    ) -> AsyncGenerator[ChangeEvent, None]:
        row = await info.context.get(Requirement, id)
        return stream("entity", row, after, None, fields)

    @strawberry.subscription(
        description="The changes of a review. Each change of its items, reviewers and verdicts"
        " gives it a new version."
    )
    async def review_changed(
        self, info: Info, id: Id, after: After = None
    ) -> AsyncGenerator[ChangeEvent, None]:
        row = await info.context.get(Review, id)
        return stream("entity", row, after)


followable("document", documents.Document)
followable("entity", requirements.Requirement)
followable("entity", reviews.Review)
