"""Projects, and the roles of people in them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column, validates

from db.base import (
    InOrganization,
    InProject,
    document_key,
    member_key,
    organization_key,
    project_key,
)
from db.constraints import (
    check,
    deleted_index,
    json_objects,
    later,
    not_blank,
    not_negative,
    slug_format,
    trash_index,
    unique,
    unique_live,
)
from db.core.organizations import UserRoleType
from db.core.people import UserStatus
from db.fields import (
    Searchable,
    choice,
    content_version,
    flag,
    json_object,
    labels,
    number,
    search_of,
    words,
)
from db.gin import gin_index
from db.text import Lines, Name, Names
from db.traits import ResourceType, Traits, Trash

MAX_REASON = 1_000
"""The most characters of the reason for a role."""


class ProjectStatus(StrEnum):
    """The status of a project."""

    PLANNING = "planning"
    DRAFT = "draft"
    ACTIVE = "active"
    ON_HOLD = "on_hold"
    COMPLETED = "completed"
    ARCHIVED = "archived"


class ProjectRole(StrEnum):
    """The role of a person in a project or a document."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    VIEWER = "viewer"


class Visibility(StrEnum):
    """The people who read a project without a role that reaches it.

    None (private), the members of its organization, or everyone signed in. A role at the
    organization other than member and billing reaches all its projects. `RESTRICTED` is what past
    rows may have; it is stored as `PRIVATE`, which it always meant.
    """

    PRIVATE = "private"
    RESTRICTED = "restricted"
    ORGANIZATION = "organization"
    PUBLIC = "public"


class Project(Searchable, InOrganization, kw_only=True):
    """A container of documents, tests and diagrams."""

    __tablename__ = "projects"
    traits = Traits(
        ResourceType.PROJECT,
        node="Project",
        trash=Trash.PURGED,
        content=("name", "description"),
        scope_key="project_id",
        opens=True,
    )

    name: Mapped[Name]
    slug: Mapped[str]
    description: Mapped[Lines | None] = mapped_column(default=None)
    visibility: Mapped[Visibility] = choice(Visibility.PRIVATE)
    status: Mapped[ProjectStatus] = choice(ProjectStatus.ACTIVE)
    settings: Mapped[dict[str, Any]] = json_object()
    strict_properties: Mapped[bool] = flag(default=False)
    """True if its requirements have no properties but those that are defined."""
    quality_settings: Mapped[dict[str, Any]] = json_object()
    """The rules of quality that differ from their defaults, and the language of requirements."""
    tags: Mapped[Names] = words()
    star_count: Mapped[int] = number(0)
    is_template: Mapped[bool] = flag(default=False)

    @validates("visibility")
    def _only_private(self, _: str, value: Visibility) -> Visibility:
        """Return the visibility to store."""
        return Visibility.PRIVATE if value is Visibility.RESTRICTED else value

    __table_args__ = (
        search_of(name="A", description="B"),
        content_version(),
        organization_key(),
        unique("organization_id", "id"),
        *not_blank(),
        slug_format(),
        not_negative("star_count"),
        *json_objects("settings", "quality_settings"),
        unique_live("projects", "organization_id", "slug"),
        Index(None, "organization_id", "created_at", "id"),
        Index(
            "ix_projects_public",
            "id",
            postgresql_where=text("visibility = 'public' AND deleted_at IS NULL"),
        ),
        deleted_index("projects"),
        trash_index("projects"),
        gin_index("projects", "search"),
        gin_index("projects", "tags"),
    )


class ProjectMember(InProject, kw_only=True):
    """The role of a member of the organization in the project."""

    __tablename__ = "project_members"
    traits = Traits(ResourceType.ROLE, node="ProjectMember", named_by=None, grants=True)

    user_id: Mapped[UUID]
    role: Mapped[ProjectRole] = choice(ProjectRole.VIEWER)
    status: Mapped[UserStatus] = choice(UserStatus.ACTIVE)
    last_accessed_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        project_key(),
        member_key("user_id"),
        unique(
            "organization_id",
            "project_id",
            "user_id",
            message="This person is a member of the project already.",
        ),
        Index(None, "user_id"),
        Index(None, "project_id", "created_at", "id"),
        Index(None, "organization_id", "created_at"),
    )


class UserRole(InOrganization, kw_only=True):
    """One further role of a member: at the organization, in a project, or in a document.

    It ends at `expires_at`, if it has one. `reason` is the reason why it was granted.
    """

    __tablename__ = "user_roles"
    traits = Traits(ResourceType.ROLE, node="UserRole", named_by=None, grants=True)

    user_id: Mapped[UUID]
    project_id: Mapped[UUID | None] = mapped_column(default=None)
    document_id: Mapped[UUID | None] = mapped_column(default=None)
    admin_role: Mapped[UserRoleType | None] = mapped_column(labels(UserRoleType), default=None)
    project_role: Mapped[ProjectRole | None] = mapped_column(labels(ProjectRole), default=None)
    document_role: Mapped[ProjectRole | None] = mapped_column(labels(ProjectRole), default=None)
    expires_at: Mapped[datetime | None] = mapped_column(default=None)
    reason: Mapped[Lines | None] = mapped_column(default=None)

    @property
    def role(self) -> UserRoleType | ProjectRole:
        """Return the role, whatever it is granted at."""
        role = self.admin_role or self.project_role or self.document_role
        assert role is not None  # noqa: S101 (a check of the table)
        return role

    __table_args__ = (
        *not_blank("reason", MAX_REASON),
        organization_key(),
        member_key("user_id"),
        project_key(),
        document_key(),
        check(
            "admin_role",
            "alone",
            "num_nonnulls(admin_role, project_role, document_role) = 1",
            "Exactly one role is given at a time.",
        ),
        check(
            "project_id",
            "fits_role",
            "(project_id IS NULL) = (admin_role IS NOT NULL)",
            "A role in a project or document names the project; an administrative one does not.",
        ),
        check(
            "document_id",
            "fits_role",
            "(document_id IS NULL) = (document_role IS NULL)",
            "A role in a document names the document; others do not.",
        ),
        later("expires_at"),
        unique_live(
            "user_roles",
            "organization_id",
            "project_id",
            "document_id",
            "user_id",
            message="This person has a role there already.",
            postgresql_nulls_not_distinct=True,
        ),
        Index(None, "user_id"),
        Index(None, "project_id"),
        Index(None, "document_id"),
        Index(None, "organization_id", "created_at"),
    )
