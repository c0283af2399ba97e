"""Projects, and the roles people hold in them."""

from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.notices import tell
from auth.session import Transaction
from auth.viewer import Role
from db.base import Entity
from db.core import projects as db
from db.core.notifications import NotificationType
from db.core.organizations import Organization as OrganizationRow
from db.core.organizations import OrganizationMember as OrganizationMemberRow
from db.core.people import Profile as ProfileRow
from db.core.people import UserStatus
from db.core.projects import ProjectRole, ProjectStatus, Visibility
from db.problem import Problem
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.kit.connection import Direction, connection
from graph.kit.context import Info
from graph.kit.fields import by_id, described, extend_type, to_one
from graph.kit.filters import DateTimeFilter, Filter, StringFilter, TagsFilter, UUIDFilter, named
from graph.kit.mutations import (
    ExpectedVersion,
    Id,
    Payload,
    answer,
    create,
    delete,
    given,
    restore,
    update,
    writing,
)
from graph.kit.node import Node

strawberry.enum(ProjectStatus, description="Where a project is in its life.")
strawberry.enum(ProjectRole, description="What a person is in a project.")
strawberry.enum(
    Visibility,
    description="Who reads a project besides those named in it: nobody (PRIVATE, RESTRICTED),"
    " every member of its organization, or everyone signed in.",
)


@strawberry.type(description="A container of documents, tests and diagrams.")
class Project(Authored, Node):
    model = db.Project

    name: str = described("What it is called.")
    slug: str = described("Its name in addresses, unique in its organization.")
    description: str | None = described("What it is about.")
    visibility: Visibility = described("Who reads it besides those named in it.")
    status: ProjectStatus = described("Where it is in its life.")
    settings: JSON = described("Its configuration.")
    tags: list[str] = described("Words to find it by.")
    star_count: int = described("How many people have marked it.")
    organization_id: UUID = described("The organization it belongs to.")
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization it belongs to."
    )


@strawberry.type(description="The role a member of the organization holds in a project.")
class ProjectMember(Authored, Node):
    model = db.ProjectMember

    role: ProjectRole = described("What they are in the project.")
    status: UserStatus = described("Whether the role is in force.")
    last_accessed_at: datetime | None = described("When they were last seen there.")
    project: Project | None = to_one("project_id", db.Project, Project, "Where.")
    user: Profile | None = to_one("user_id", ProfileRow, Profile, "Who.")


@strawberry.input
class ProjectFilter:
    id: UUIDFilter | None = UNSET
    organization_id: UUIDFilter | None = UNSET
    name: StringFilter | None = UNSET
    slug: StringFilter | None = UNSET
    description: StringFilter | None = UNSET
    visibility: Filter[Visibility] | None = UNSET
    status: Filter[ProjectStatus] | None = UNSET
    tags: TagsFilter | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    updated_at: DateTimeFilter | None = UNSET
    and_: list["ProjectFilter"] | None = named("and")
    or_: list["ProjectFilter"] | None = named("or")
    not_: "ProjectFilter | None" = named("not")


@strawberry.enum
class ProjectSort(Enum):
    NAME = "name"
    STATUS = "status"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


@strawberry.input
class ProjectOrder:
    by: ProjectSort
    direction: Direction = Direction.ASC


@strawberry.input
class ProjectMemberFilter:
    id: UUIDFilter | None = UNSET
    user_id: UUIDFilter | None = UNSET
    role: Filter[ProjectRole] | None = UNSET
    status: Filter[UserStatus] | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    and_: list["ProjectMemberFilter"] | None = named("and")
    or_: list["ProjectMemberFilter"] | None = named("or")
    not_: "ProjectMemberFilter | None" = named("not")


@strawberry.enum
class ProjectMemberSort(Enum):
    ROLE = "role"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


@strawberry.input
class ProjectMemberOrder:
    by: ProjectMemberSort
    direction: Direction = Direction.ASC


@strawberry.input
class ProjectCreate:
    organization_id: UUID
    name: str
    slug: str
    description: str | None = UNSET
    visibility: Visibility = Visibility.PRIVATE
    status: ProjectStatus = ProjectStatus.ACTIVE
    settings: JSON | None = UNSET
    tags: list[str] | None = UNSET


@strawberry.input
class ProjectUpdate:
    name: Maybe[str]
    slug: Maybe[str]
    description: Maybe[str | None]
    visibility: Maybe[Visibility]
    status: Maybe[ProjectStatus]
    settings: Maybe[JSON]
    tags: Maybe[list[str]]


@strawberry.input
class ProjectMemberAdd:
    project_id: UUID
    user_id: UUID
    role: ProjectRole = ProjectRole.VIEWER


@strawberry.input
class ProjectMemberUpdate:
    role: Maybe[ProjectRole]
    status: Maybe[UserStatus]


@strawberry.type
class ProjectPayload(Payload):
    project: Project


@strawberry.type
class ProjectMemberPayload(Payload):
    member: ProjectMember


def require_rank(transaction: Transaction, member: db.ProjectMember, *labels: Any) -> None:
    """FORBIDDEN when one of these roles is above the viewer's own in the project."""
    grants = transaction.viewer.grants
    held = (grants.get(scope) for scope in (member.organization_id, member.project_id))
    own = max(role or Role.ANYONE for role in held)
    if any(Role[label.name] > own for label in labels):
        message = "You may not grant, change or end a role above your own."
        raise Problem("FORBIDDEN", message, field=["role"])


async def project_member_add(info: Info, input: ProjectMemberAdd) -> ProjectMemberPayload | None:
    values = given(input)
    async with writing(info) as transaction:
        project = await transaction.find(
            db.Project, input.project_id, lock=False, field=["project_id"]
        )
        await require_member(transaction, project.organization_id, input.user_id, "user_id")
        same = (
            db.ProjectMember.project_id == project.id,
            db.ProjectMember.user_id == input.user_id,
        )
        if await transaction.find_all(db.ProjectMember, *same):
            message = "They hold a role in this project already."
            raise Problem("ALREADY_EXISTS", message, field=["userId"])
        former = await transaction.find_all(db.ProjectMember, *same, deleted=True)
        member = db.ProjectMember(organization_id=project.organization_id, **values)
        require_rank(transaction, member, input.role)
        if former:
            member = former[0]
            await transaction.restore(member, None)
            transaction.change(member, None, role=input.role, status=UserStatus.ACTIVE)
        else:
            transaction.add(member)
        _tell_of_role(transaction, project, member)
    return answer(ProjectMemberPayload, member)  # type: ignore[no-any-return]


def _tell_of_role(transaction: Transaction, project: db.Project, member: db.ProjectMember) -> None:
    tell(
        transaction,
        member.user_id,
        NotificationType.INFO,
        "project_role_changed",
        f"Your role in the project {project.name} is now: {member.role.value}.",
        member,
        organization_id=project.organization_id,
        project_id=project.id,
    )


async def require_member(
    transaction: Transaction,
    organization_id: UUID,
    user_id: UUID,
    field: str,
    to_create: type[Entity] = db.ProjectMember,
) -> None:
    """NOT_FOUND, naming the field, unless they belong to the organization.

    `to_create` is what they are named in, by a token that need not see members.
    """
    membership = (
        OrganizationMemberRow.organization_id == organization_id,
        OrganizationMemberRow.user_id == user_id,
    )
    members = await transaction.find_all(
        OrganizationMemberRow, *membership, lock=False, to_create=to_create
    )
    if not members:
        message = "There is no such member of the organization."
        raise Problem("NOT_FOUND", message, field=[field])


async def project_member_update(
    info: Info, id: Id, expected_version: ExpectedVersion, input: ProjectMemberUpdate
) -> ProjectMemberPayload | None:
    values = given(input)
    async with writing(info) as transaction:
        member = await transaction.find(db.ProjectMember, id)
        before = member.role
        require_rank(transaction, member, before, values.get("role", before))
        await transaction.update(member, expected_version, values)
        if member.role is not before:
            project = await transaction.find(db.Project, member.project_id, lock=False)
            _tell_of_role(transaction, project, member)
    versions = transaction.merged.get(member.id, ())
    return answer(ProjectMemberPayload, member, versions)  # type: ignore[no-any-return]


async def project_member_remove(
    info: Info, id: Id, expected_version: ExpectedVersion
) -> ProjectMemberPayload | None:
    async with writing(info) as transaction:
        member = await transaction.find(db.ProjectMember, id)
        if member.user_id != info.context.viewer.id:
            require_rank(transaction, member, member.role)
        await transaction.delete(member, expected_version)
    return answer(ProjectMemberPayload, member)  # type: ignore[no-any-return]


extend_type(
    Organization,
    projects=connection(
        db.Project,
        Project,
        ProjectFilter,
        ProjectOrder,
        "Its projects, as far as the viewer may see them.",
        key="organization_id",
    ),
)
extend_type(
    Project,
    members=connection(
        db.ProjectMember,
        ProjectMember,
        ProjectMemberFilter,
        ProjectMemberOrder,
        "Who holds a role in it.",
        key="project_id",
    ),
)


@strawberry.type
class Query:
    project = by_id(db.Project, Project, "One project.")
    projects = connection(
        db.Project, Project, ProjectFilter, ProjectOrder, "The projects the viewer may see."
    )


@strawberry.type
class Mutation:
    project_create = create(
        db.Project,
        ProjectPayload,
        ProjectCreate,
        "A new project in an organization.",
        within=(OrganizationRow, "organization_id"),
    )
    project_update = update(db.Project, ProjectPayload, ProjectUpdate, "Change a project.")
    project_delete = delete(db.Project, ProjectPayload, "Delete a project, and hide all it holds.")
    project_restore = restore(db.Project, ProjectPayload, "Bring a deleted project back.")
    project_member_add = strawberry.mutation(
        project_member_add, description="Give a member of the organization a role in a project."
    )
    project_member_update = strawberry.mutation(
        project_member_update, description="Change someone's role in a project."
    )
    project_member_remove = strawberry.mutation(
        project_member_remove, description="End someone's role in a project, or one's own."
    )
