"""Following statistics: an event with the place of the counts, soon after changes there."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from auth.policy import entity_of
from auth.policy.scopes import scopes_beneath
from auth.session.row import model_of
from db.core.organizations import Organization as OrganizationRow
from db.core.projects import Project as ProjectRow
from db.problem import Problem
from db.requirements.documents import Document as DocumentRow
from graph.core.organizations import Organization
from graph.core.projects import Project
from graph.kit.context import Info
from graph.kit.fields import described
from graph.kit.scopes import SCOPE
from graph.kit.stream import Stream
from graph.requirements.documents import Document

READING = {SCOPE: "requirements:read"}
PLACES = (OrganizationRow, ProjectRow, DocumentRow)


@strawberry.type(
    description="An announcement that statistics may have changed, with the place to read them"
    " from."
)
class StatisticsEvent:
    at: datetime = described("The date and time of the event.")

    @strawberry.field(description="The organization that is followed; null if it is another type.")
    async def organization(root: strawberry.Parent[Any], info: Info) -> Organization | None:  # noqa: N805
        return await info.context.one(OrganizationRow, root.id)  # type: ignore[return-value]

    @strawberry.field(description="The project that is followed; null if it is another type.")
    async def project(root: strawberry.Parent[Any], info: Info) -> Project | None:  # noqa: N805
        return await info.context.one(ProjectRow, root.id)  # type: ignore[return-value]

    @strawberry.field(description="The document that is followed; null if it is another type.")
    async def document(root: strawberry.Parent[Any], info: Info) -> Document | None:  # noqa: N805
        return await info.context.one(DocumentRow, root.id)  # type: ignore[return-value]


@strawberry.type
class Subscription:
    @strawberry.subscription(
        metadata=READING,
        description="The statistics of an organization, a project or a document: the current ones"
        " first, then again after changes, at most once per second.",
    )
    async def statistics_changed(
        self,
        info: Info,
        id: Annotated[
            UUID,
            strawberry.argument(
                description="The ID of the organization, the project or the document."
            ),
        ],
    ) -> AsyncGenerator[StatisticsEvent, None]:
        (row,) = await info.context.nodes([id], PLACES)
        if row is None:
            raise Problem("NOT_FOUND", "No organization, project or document has this ID.")
        scopes = scopes_beneath(entity_of(model_of(row)), row)
        followed = Stream(
            "statistics",
            row.id,
            scopes["organization_id"],
            project_id=scopes.get("project_id"),
            document_id=scopes.get("document_id"),
        )
        return cast("AsyncGenerator[StatisticsEvent, None]", followed)
