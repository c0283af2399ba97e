"""Stars and visits of people: the projects they have starred, and what they have opened last."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import (
    ForeignKey,
    ForeignKeyConstraint,
    Function,
    Index,
    Uuid,
    bindparam,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Entity, Part, tenant_key
from db.constraints import unique
from db.core.projects import Project
from db.fields import identity

MAX_VISITS = 20
"""Projects, and documents, that are kept as visited by a person."""


class Star(Part, kw_only=True):
    """A star of a person at a project. Row level security shows a person their own alone.

    Stars are written by `ctx.star` and `ctx.unstar`. Triggers keep `projects.star_count`.
    """

    __tablename__ = "stars"
    whole: ClassVar[type[Entity]] = Project
    whole_key: ClassVar[str] = "project_id"

    id: Mapped[UUID] = identity(sort_order=-10)
    project_id: Mapped[UUID]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        tenant_key("projects", "project_id", ondelete="CASCADE"),
        unique(
            "organization_id", "project_id", "user_id", message="The project is starred already."
        ),
        Index(None, "project_id"),
        Index(None, "user_id", "project_id"),
    )


class Visit(Part, kw_only=True):
    """The last visit of a person to a project or, if `document_id` is set, to a document.

    Row level security shows a person their own alone. `ctx.visit` writes them, and keeps the last
    MAX_VISITS of each kind.
    """

    __tablename__ = "visits"
    whole: ClassVar[type[Entity]] = Project
    whole_key: ClassVar[str] = "project_id"

    id: Mapped[UUID] = identity(sort_order=-10)
    project_id: Mapped[UUID]
    document_id: Mapped[UUID | None] = mapped_column(default=None)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("profiles.id"))
    visited_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        tenant_key("projects", "project_id", ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["organization_id", "project_id", "document_id"],
            ["documents.organization_id", "documents.project_id", "documents.id"],
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        Index(
            "uq_visits_project",
            "organization_id",
            "user_id",
            "project_id",
            unique=True,
            info={"column": "project_id", "message": "The project is visited already."},
            postgresql_where=text("document_id IS NULL"),
        ),
        Index(
            "uq_visits_document",
            "organization_id",
            "user_id",
            "document_id",
            unique=True,
            info={"column": "document_id", "message": "The document is visited already."},
            postgresql_where=text("document_id IS NOT NULL"),
        ),
        Index(None, "user_id", "visited_at"),
        Index(None, "project_id"),
        Index(None, "document_id"),
    )


def star(project: UUID) -> Function[object]:
    """Return the call that stars a project for the viewer; without effect if it is starred."""
    return func.ctx.star(_id(project))


def unstar(project: UUID) -> Function[object]:
    """Return the call that removes the viewer's star of a project, if there is one."""
    return func.ctx.unstar(_id(project))


def visit(project: UUID, document: UUID | None = None) -> Function[object]:
    """Return the call that records a visit of the viewer to a project, or to a document in it."""
    return func.ctx.visit(_id(project), _id(document))


def _id(id: UUID | None) -> object:
    return bindparam(None, id, type_=Uuid, unique=True)
