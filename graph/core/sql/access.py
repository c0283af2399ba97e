"""The SQL of who has access to an organization, project or document, and by which grant."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    DateTime,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
    union_all,
)

from auth.session import ViewerSession
from auth.session.product_query import readable
from db.core.organizations import OrganizationMember, UserRoleType
from db.core.people import UserStatus
from db.core.projects import Project, ProjectMember, UserRole, Visibility
from db.fields import among

MAX_GRANTS = 20_000
"""The most grants of one object that are read."""

ORGANIZATION, PROJECT, DOCUMENT = (
    bindparam(name, type_=Uuid) for name in ("organization", "project", "document")
)
WITHOUT_CONTENT = (UserRoleType.MEMBER, UserRoleType.BILLING)
"""Roles of organizations that open no projects."""
OPEN = (Visibility.ORGANIZATION, Visibility.PUBLIC)


async def access(
    session: ViewerSession, organization: UUID, project: UUID | None, document: UUID | None
) -> Sequence[Record]:
    """Return the grants by which people read the object, as far as the viewer can read them.

    A record has `source`, `id`, `user_id`, `role`, `created_at`, `created_by`, `expires_at`,
    `project_id` and `document_id`. One statement; at most MAX_GRANTS.
    """
    values = {"organization": organization, "project": project, "document": document}
    return await session.query(_statement(is_whole=project is None), values)


@cache
def _statement(*, is_whole: bool) -> CompoundSelect[*tuple[Any, ...]]:
    found = [_memberships(is_whole=is_whole), _roles(is_whole=is_whole)]
    if not is_whole:
        found += [_project_members(), _by_visibility()]
    return union_all(*found).order_by("user_id", "id").limit(MAX_GRANTS)


def _grant(
    source: str, rows: Any, role: ColumnElement[Any], **columns: ColumnElement[Any]
) -> Select[*tuple[Any, ...]]:
    return select(
        literal_column(f"'{source}'").label("source"),
        rows.c.id,
        rows.c.user_id,
        role.label("role"),
        rows.c.created_at,
        rows.c.created_by,
        columns.get("expires_at", cast(null(), DateTime(timezone=True))).label("expires_at"),
        columns.get("project_id", cast(null(), Uuid)).label("project_id"),
        columns.get("document_id", cast(null(), Uuid)).label("document_id"),
    )


def _members() -> Any:
    names = ("id", "organization_id", "user_id", "role", "status", "created_at", "created_by")
    return readable(OrganizationMember, *names).alias("members")


def _memberships(*, is_whole: bool) -> Select[*tuple[Any, ...]]:
    rows = _members()
    found = _grant("MEMBERSHIP", rows, cast(rows.c.role, Text)).where(
        rows.c.organization_id == ORGANIZATION, rows.c.status == UserStatus.ACTIVE
    )
    return found if is_whole else found.where(~among(rows.c.role, WITHOUT_CONTENT))


def _roles(*, is_whole: bool) -> Select[*tuple[Any, ...]]:
    rows = readable(UserRole).alias("roles")
    texts = (cast(rows.c[name], Text) for name in ("admin_role", "project_role", "document_role"))
    found = _grant(
        "ROLE",
        rows,
        func.coalesce(*texts),
        expires_at=rows.c.expires_at,
        project_id=rows.c.project_id,
        document_id=rows.c.document_id,
    ).where(
        rows.c.organization_id == ORGANIZATION,
        or_(rows.c.expires_at.is_(None), rows.c.expires_at > func.now()),
    )
    if is_whole:
        return found.where(rows.c.project_id.is_(None))
    return found.where(
        or_(rows.c.project_id.is_(None), rows.c.project_id == PROJECT),
        or_(rows.c.document_id.is_(None), rows.c.document_id == DOCUMENT),
        or_(rows.c.admin_role.is_(None), ~among(rows.c.admin_role, WITHOUT_CONTENT)),
    )


def _project_members() -> Select[*tuple[Any, ...]]:
    rows = readable(ProjectMember).alias("project_roles")
    return _grant(
        "PROJECT_MEMBERSHIP", rows, cast(rows.c.role, Text), project_id=rows.c.project_id
    ).where(rows.c.project_id == PROJECT, rows.c.status == UserStatus.ACTIVE)


def _by_visibility() -> Select[*tuple[Any, ...]]:
    """Return the members whose role opens no projects, and to whom the visibility opens this."""
    rows, projects = _members(), readable(Project, "id", "visibility").alias("of")
    return (
        _grant("VISIBILITY", rows, literal_column("'viewer'::text"), project_id=projects.c.id)
        .join(projects, projects.c.id == PROJECT)
        .where(
            rows.c.organization_id == ORGANIZATION,
            rows.c.status == UserStatus.ACTIVE,
            rows.c.role == UserRoleType.MEMBER,
            among(projects.c.visibility, OPEN),
        )
    )
