"""Projects, and the roles people hold in them."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from strawberry.scalars import JSON

from auth.accounts.notify import tell
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
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import Id, by_id, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import (
    ExpectedVersion,
    Input,
    create,
    delete,
    given,
    mutation,
    patch,
    restore,
    update,
    writing,
)
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of

describe_enum(
    ProjectStatus,
    "The status of a project.",
    {
        "PLANNING": "The project is being planned.",
        "DRAFT": "The project is a draft.",
        "ACTIVE": "Work on the project is in progress.",
        "ON_HOLD": "Work on the project is paused.",
        "COMPLETED": "The project is completed.",
        "ARCHIVED": "The project is archived.",
    },
)
describe_enum(
    ProjectRole,
    "The role of a user in a project or a document.",
    {
        "OWNER": "Full access, including owners.",
        "ADMIN": "Can change the project, its members and its content.",
        "EDITOR": "Can read the project, and create and change documents and their content.",
        "VIEWER": "Can read the project.",
    },
)
describe_enum(
    Visibility,
    "Who can read a project without a role in it. Owners, admins, editors and viewers of the"
    " organization can read every project.",
    {
        "PRIVATE": "No one else.",
        "RESTRICTED": "The same as PRIVATE, as which it is stored.",
        "ORGANIZATION": "All members of the organization.",
        "PUBLIC": "All signed-in users.",
    },
    deprecated={"RESTRICTED": "Use `PRIVATE`. Removed after 2027-07-01."},
)


@strawberry.type(description="A container of documents, tests and diagrams.")
class Project(Authored, Node):
    model = db.Project

    name: str = described("The name of the project.")
    slug: str = described("The name of the project in URLs, unique within the organization.")
    description: str | None = described("The description of the project.")
    visibility: Visibility = described("Who can read the project without a role in it.")
    status: ProjectStatus = described("The status of the project.")
    settings: JSON = described("The settings of the project.")
    strict_properties: bool = described(
        "Whether the requirements of the project can have only properties that are defined."
    )
    tags: list[str] = described("The tags of the project.")
    is_template: bool = described(
        "Whether the project is a template: one to be copied with `projectCopy`."
    )
    star_count: int = described("The number of users who have starred the project.")
    organization_id: UUID = described("The ID of the organization of the project.")
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization of the project."
    )


@strawberry.type(description="The role of a member of the organization in a project.")
class ProjectMember(Authored, Node):
    model = db.ProjectMember

    role: ProjectRole = described("The role of the member in the project.")
    status: UserStatus = described("The status of the role.")
    last_accessed_at: datetime | None = described(
        "The date and time when the member last opened the project or a document in it, exact to an"
        " hour; null if the member has not. Front ends record it with `projectVisit` and"
        " `documentVisit`."
    )
    project: Project | None = to_one("project_id", db.Project, Project, "The project of the role.")
    user: Profile | None = to_one(
        "user_id", ProfileRow, Profile, "The user or service account that is the member."
    )


ProjectFilterInput = filter_input(
    Project,
    "id",
    "organization_id",
    "name",
    "slug",
    "description",
    "visibility",
    "status",
    "tags",
    "is_template",
    "created_at",
    "updated_at",
)
ProjectOrderInput = order_input(Project, "name", "status", "star_count", "created_at", "updated_at")
ProjectMemberFilterInput = filter_input(
    ProjectMember, "id", "user_id", "role", "status", "created_at"
)
ProjectMemberOrderInput = order_input(ProjectMember, "role", "created_at", "updated_at")


@input_for(Project, "A project to create in an organization.")
class ProjectCreateInput:
    organization_id: UUID
    name: str
    slug: str
    description: str | None = UNSET
    visibility: Visibility = Visibility.PRIVATE
    status: ProjectStatus = ProjectStatus.ACTIVE
    settings: JSON | None = UNSET
    strict_properties: bool | None = UNSET
    tags: list[str] | None = UNSET
    is_template: bool | None = UNSET


@input_for(Project, "The fields of a project to change.")
class ProjectUpdateInput:
    name: Maybe[str]
    slug: Maybe[str]
    description: Maybe[str | None]
    visibility: Maybe[Visibility]
    status: Maybe[ProjectStatus]
    settings: Maybe[JSON]
    settings_patch: Maybe[JSON] = patch("settings")
    strict_properties: Maybe[bool]
    tags: Maybe[list[str]]
    is_template: Maybe[bool]


@input_for(ProjectMember, "A role in a project to give to a member of the organization.")
class ProjectMemberAddInput:
    project_id: UUID
    user_id: UUID
    role: ProjectRole = ProjectRole.VIEWER


@input_for(ProjectMember, "The fields of a project member to change.")
class ProjectMemberUpdateInput:
    role: Maybe[ProjectRole]
    status: Maybe[UserStatus]


def require_rank(transaction: Transaction, member: db.ProjectMember, *labels: Any) -> None:
    """Refuse a role above the viewer's own in the project. Raises FORBIDDEN."""
    highest = max(Role[label.name] for label in labels)
    if not transaction.rights.require_role(highest, member.organization_id, member.project_id):
        message = "You cannot grant, change or remove a role above your own."
        raise Problem("FORBIDDEN", message, field=["role"])


async def project_member_add(info: Info, input: Input[ProjectMemberAddInput]) -> Any:
    values = given(input)
    async with writing(info) as transaction:
        project = await transaction.find(db.Project, input.project_id, field=["project_id"])
        await require_member(transaction, project.organization_id, input.user_id, "user_id")
        same = (
            db.ProjectMember.project_id == project.id,
            db.ProjectMember.user_id == input.user_id,
        )
        if await transaction.find_all(db.ProjectMember, *same):
            message = "The user already has a role in this project."
            raise Problem("ALREADY_EXISTS", message, field=["userId"])
        former = await transaction.find_all(db.ProjectMember, *same, deleted=True)
        member = db.ProjectMember(organization_id=project.organization_id, **values)
        require_rank(transaction, member, input.role)
        if former:
            member = former[0]
            await transaction.edits.restore(member, None)
            transaction.change(member, None, role=input.role, status=UserStatus.ACTIVE)
        else:
            transaction.add(member)
        _tell_of_role(transaction, project, member)
    return answer(payload_of(ProjectMember), member)


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
    """Refuse a person who is not in the organization. Raises NOT_FOUND with the field.

    `to_create` is the model whose creation allows a token to look a member up without the scope to
    read members.
    """
    membership = (
        OrganizationMemberRow.organization_id == organization_id,
        OrganizationMemberRow.user_id == user_id,
    )
    members = await transaction.find_all(
        OrganizationMemberRow, *membership, lock=False, to_create=to_create
    )
    if not members:
        message = "The user is not a member of the organization."
        raise Problem("NOT_FOUND", message, field=[field])


async def project_member_update(
    info: Info, id: Id, expected_version: ExpectedVersion, input: Input[ProjectMemberUpdateInput]
) -> Any:
    values = given(input)
    async with writing(info) as transaction:
        member = await _locked(transaction, id)
        before = member.role
        require_rank(transaction, member, before, values.get("role", before))
        await transaction.edits.update(member, expected_version, values)
        if member.role is not before:
            project = await transaction.find(db.Project, member.project_id, lock=False)
            _tell_of_role(transaction, project, member)
    versions = transaction.edits.merged.get(member.id, ())
    return answer(payload_of(ProjectMember, merges=True), member, versions)


async def _locked(transaction: Transaction, id: UUID) -> db.ProjectMember:
    """Return the role; lock its project first, so that changes of roles take turns.

    Two administrators who remove each other at once must not wait for each other.
    """
    member = await transaction.find(db.ProjectMember, id, lock=False)
    await transaction.find_by_id(db.Project, {member.project_id})
    return await transaction.find(db.ProjectMember, id)


async def project_member_remove(info: Info, id: Id, expected_version: ExpectedVersion) -> Any:
    async with writing(info) as transaction:
        member = await _locked(transaction, id)
        await remove_project_member(transaction, member, expected_version)
    return answer(payload_of(ProjectMember), member)


async def remove_project_member(
    transaction: Transaction, member: db.ProjectMember, expected_version: int
) -> None:
    """End a role in a project that is locked, after its project.

    Raises FORBIDDEN for a role above the viewer's, unless it is their own, and CONFLICT.
    """
    if member.user_id != transaction.viewer.id:
        require_rank(transaction, member, member.role)
    await transaction.edits.delete(member, expected_version)


extend_type(
    Organization,
    projects=connection(
        db.Project,
        Project,
        ProjectFilterInput,
        ProjectOrderInput,
        "The projects of the organization that the viewer can read.",
        key="organization_id",
    ),
)
extend_type(
    Project,
    members=connection(
        db.ProjectMember,
        ProjectMember,
        ProjectMemberFilterInput,
        ProjectMemberOrderInput,
        "The members of the project.",
        key="project_id",
    ),
)


@strawberry.type
class Query:
    project = by_id(db.Project, Project, "Look up a project by its ID.")
    projects = connection(
        db.Project,
        Project,
        ProjectFilterInput,
        ProjectOrderInput,
        "List projects that the viewer can read.",
    )


@strawberry.type
class Mutation:
    project_create = create(
        Project,
        ProjectCreateInput,
        "Create a project in an organization.",
        within=(OrganizationRow, "organization_id"),
    )
    project_update = update(Project, ProjectUpdateInput, "Update a project.")
    project_delete = delete(Project, "Delete a project with everything in it. It can be restored.")
    project_restore = restore(Project, "Restore a deleted project with everything in it.")
    project_member_add = mutation(
        project_member_add,
        payload_of(ProjectMember),
        "Give a member of the organization a role in a project.",
    )
    project_member_update = mutation(
        project_member_update,
        payload_of(ProjectMember, merges=True),
        "Update the role of a project member.",
    )
    project_member_remove = mutation(
        project_member_remove,
        payload_of(ProjectMember),
        "Remove a member from a project, or leave it.",
    )
