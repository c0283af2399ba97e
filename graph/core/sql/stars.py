"""The SQL of what the viewer has starred and visited."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, any_, bindparam, exists, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from auth.session import ViewerSession
from auth.session.product_query import readable
from db.core.projects import Project
from db.core.stars import Star, Visit

MYSELF = select(func.ctx.user_id(type_=Uuid)).scalar_subquery()
"""The ID of the viewer, as row level security knows it; null if signed out."""
STARRED = exists().where(Star.project_id == Project.id, Star.user_id == MYSELF)
"""The condition of projects that the viewer has starred."""


def visits(*, to_documents: bool) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the viewer's visits to projects, or to documents."""
    is_of_kind = Visit.document_id.is_not(None) if to_documents else Visit.document_id.is_(None)
    return Visit.user_id == MYSELF, is_of_kind


async def starred(session: ViewerSession, projects: Sequence[UUID]) -> set[UUID]:
    """Return those of the projects that the viewer has starred. One statement."""
    if session.viewer.id is None:
        return set()
    values = {"projects": list(projects), "myself": session.viewer.id}
    return {record["project_id"] for record in await session.query(_starred(), values)}


@cache
def _starred() -> Select[Any]:
    rows = readable(Star, "project_id", "user_id")
    return select(rows.c.project_id).where(
        rows.c.project_id == any_(bindparam("projects", type_=ARRAY(Uuid))),
        rows.c.user_id == bindparam("myself", type_=Uuid),
    )
