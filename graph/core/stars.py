"""Stars of projects, and the projects that the viewer has opened last."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry

from auth.policy import require_token_scope
from db.core import stars as db
from db.core.projects import Project as ProjectRow
from graph.core.people import Viewer
from graph.core.projects import Project, ProjectFilterInput, ProjectOrderInput
from graph.core.sql.stars import STARRED, starred, visits
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.fields import Id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, order_input
from graph.kit.mutations import mutation, writing
from graph.kit.payloads import answer, payload_of


@computed("id", text="Whether the viewer has starred the project; false for a share.")
async def _viewer_has_starred(root: strawberry.Parent[Any], info: Info) -> bool:
    async def batch(ids: list[UUID]) -> list[bool]:
        found = await starred(info.context.session, ids)
        return [id in found for id in ids]

    return bool(await info.context.loader("starred projects", batch).load(root.id))


@strawberry.type(description="The last visit of the viewer to a project.")
class ProjectVisit:
    visited_at: datetime = described("The date and time of the visit.")
    project_id: UUID = described("The ID of the project.")
    project: Project | None = to_one(
        "project_id", ProjectRow, Project, "The project; null if the viewer cannot read it."
    )


extend_type(Project, viewer_has_starred=_viewer_has_starred)
extend_type(
    Viewer,
    starred_projects=connection(
        ProjectRow,
        Project,
        ProjectFilterInput,
        ProjectOrderInput,
        "The projects that the viewer has starred and can read.",
        where=(STARRED,),
    ),
    recent_projects=connection(
        db.Visit,
        ProjectVisit,
        filter_input(ProjectVisit, "project_id", "visited_at", model=db.Visit),
        order_input(ProjectVisit, "visited_at"),
        f"The last {db.MAX_VISITS} projects that the viewer has visited, as far as the viewer can"
        " read them, by default the latest first. `projectVisit` records a visit.",
        by=("visited_at",),
        newest_first=True,
        where=visits(to_documents=False),
    ),
)


async def _with_project(info: Info, id: UUID, call: Any) -> Any:
    """Make a call about a project that the viewer can read; answer with the project after it."""
    require_token_scope(info.context.viewer, "update", ProjectRow)
    async with writing(info, None) as transaction:
        await transaction.find(ProjectRow, id, lock=False)
        await transaction.call(call)
    return answer(payload_of(Project), await info.context.get(ProjectRow, id))


async def project_star(info: Info, id: Id) -> Any:
    return await _with_project(info, id, db.star(id))


async def project_unstar(info: Info, id: Id) -> Any:
    return await _with_project(info, id, db.unstar(id))


async def project_visit(info: Info, id: Id) -> Any:
    return await _with_project(info, id, db.visit(id))


@strawberry.type
class Mutation:
    project_star = mutation(
        project_star,
        payload_of(Project),
        "Star a project for the viewer. A project that is starred stays so. The version of the"
        " project does not change.",
        scope="organizations:write",
    )
    project_unstar = mutation(
        project_unstar,
        payload_of(Project),
        "Remove the star of the viewer from a project, if there is one. The version of the project"
        " does not change.",
        scope="organizations:write",
    )
    project_visit = mutation(
        project_visit,
        payload_of(Project),
        "Record that the viewer has opened a project, for `Viewer.recentProjects` and"
        " `ProjectMember.lastAccessedAt`. Front ends call it when they show the project.",
        scope="organizations:write",
    )
