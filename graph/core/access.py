"""Who has access to an organization, project or document, and by which grant."""

from dataclasses import replace
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry

from auth.viewer import Role
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.people import Profile as ProfileRow
from graph.core.organizations import Organization
from graph.core.people import Profile
from graph.core.projects import Project
from graph.core.sql.access import access
from graph.kit.connection import After, Before, Connection, First, Last
from graph.kit.context import Info
from graph.kit.fields import computed, extend_type
from graph.kit.in_memory import keys_of, page_of
from graph.kit.node import Node

BY_PERSON = keys_of(user_id=UUID, id=UUID)


@strawberry.enum(description="The source of an access.")
class AccessSource(Enum):
    MEMBERSHIP = strawberry.enum_value(
        "MEMBERSHIP", description="The membership of the organization, by its role."
    )
    ROLE = strawberry.enum_value("ROLE", description="An additional role, granted by `roleGrant`.")
    PROJECT_MEMBERSHIP = strawberry.enum_value(
        "PROJECT_MEMBERSHIP", description="The membership of the project."
    )
    VISIBILITY = strawberry.enum_value(
        "VISIBILITY", description="The visibility of the project, for members of the organization."
    )


@strawberry.type(
    description="A grant by which a user has access to an object. A user can have several; the"
    " highest role counts."
)
class Access:
    id: UUID = strawberry.field(
        description="The ID of the membership or role that gives the access."
    )
    source: AccessSource = strawberry.field(description="The source of the access.")
    role: OrganizationRole = strawberry.field(description="The role that the source gives.")
    since: datetime = strawberry.field(
        description="The date and time when the membership or role was created."
    )
    expires_at: datetime | None = strawberry.field(
        description="The date and time when the role ends; null if it does not end by itself."
    )
    project_id: UUID | None = strawberry.field(
        description="The ID of the project at which the access is given; null if it is given at the"
        " organization."
    )
    document_id: UUID | None = strawberry.field(
        description="The ID of the document at which the access is given, if it is."
    )
    user_id: UUID = strawberry.field(description="The ID of the user or service account.")
    granted_by_id: strawberry.Private[UUID | None]

    @strawberry.field(description="The user or service account that has the access.")
    async def user(self, info: Info) -> Profile | None:
        return await info.context.one(ProfileRow, self.user_id)  # type: ignore[return-value]

    @strawberry.field(description="The user who created the membership or role, if known.")
    async def granted_by(self, info: Info) -> Profile | None:
        if self.granted_by_id is None:
            return None
        return await info.context.one(ProfileRow, self.granted_by_id)  # type: ignore[return-value]


Of = Annotated[
    UUID | None,
    strawberry.argument(description="The ID of a user, to list only the access of this user."),
]


async def _access(
    root: strawberry.Parent[Any],
    info: Info,
    user_id: Of = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Connection[Access] | None:
    keys = ("organization_id", "project_id", "document_id")
    organization, project, document = _scopes(root, keys)
    scopes = (organization, project, document)
    held = max(info.context.viewer.grants.get(id, Role.ANYONE) for id in scopes if id)
    rows: list[Any] = []
    if held >= Role.ADMIN:
        found = await access(info.context.session, organization, project, document)
        rows = [row for row in found if user_id in (None, row["user_id"])]
    page = page_of([_Grant(row) for row in rows], BY_PERSON, first, after, last, before)
    return Connection[Access](page=replace(page, rows=[row.shown() for row in page.rows]))


class _Grant:
    """A record of a grant, sorted by its person."""

    def __init__(self, record: Any) -> None:
        self.user_id, self.id, self._record = record["user_id"], record["id"], record

    def shown(self) -> Access:
        record = self._record
        return Access(
            id=record["id"],
            source=AccessSource(record["source"]),
            role=OrganizationRole(record["role"]),
            since=record["created_at"],
            expires_at=record["expires_at"],
            project_id=record["project_id"],
            document_id=record["document_id"],
            user_id=record["user_id"],
            granted_by_id=record["created_by"],
        )


def _scopes(root: Any, keys: tuple[str, ...]) -> tuple[UUID, UUID | None, UUID | None]:
    above = [getattr(root, key, None) for key in keys]
    above[above.index(None)] = root.id
    organization, project, document = above
    assert organization is not None  # noqa: S101 (of which every object is)
    return organization, project, document


def accessible(type_: type[Node], *columns: str, noun: str) -> None:
    """Give a type the field that lists who has access to its objects."""
    text = (
        f"Who has access to the {noun}, and by which grant, by user; at most 20,000 grants. Empty"
        f" for viewers who are not administrators of the {noun}. Administrators of a project or"
        " document alone do not see additional roles at what it is in."
    )
    extend_type(type_, access=computed("id", *columns, text=text)(_access))


accessible(Organization, noun="organization")
accessible(Project, "organization_id", noun="project")
