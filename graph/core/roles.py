"""Roles that are granted to members at an organization, project or document, until they end.

They add to the role of the membership: the highest role at an object counts. Nobody grants, changes
or revokes a role above their own there.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.accounts import keys, owner_mail, service_accounts
from auth.accounts.notify import tell
from auth.policy.scopes import scopes_beneath
from auth.session import Transaction
from auth.session.ancestry import SCOPE_MODELS
from auth.viewer import Role
from db.base import SCOPES, Entity
from db.core import projects as db
from db.core.notifications import NotificationType
from db.core.organizations import Organization as OrganizationRow
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.core.projects import ProjectRole
from db.problem import Problem
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.core.projects import Project, require_member
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.entity_types import EntityType
from graph.kit.fields import Id, by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import ExpectedVersion, Input, given, mutation, writing
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of
from graph.kit.words import spoken

ROLE_KEYS = ("admin_role", "project_role", "document_role")
"""The column of the role at each scope, in the order of `SCOPES`."""
NOT_THERE = "The roles MEMBER and BILLING can be granted at organizations only."
ABOVE_OWN = "You cannot grant, change or revoke a role above your own."


@strawberry.type(
    description="A role of a member at an organization, project or document, in addition to the"
    " role of the membership. It can end by itself."
)
class UserRole(Authored, Node):
    model = db.UserRole

    user_id: UUID = described("The ID of the user or service account that has the role.")
    organization_id: UUID = described("The ID of the organization of the role.")
    project_id: UUID | None = described(
        "The ID of the project of the role; null for a role at the organization."
    )
    document_id: UUID | None = described(
        "The ID of the document of the role; null for a role at the organization or a project."
    )
    admin_role: OrganizationRole | None = described(
        "The role, if it is granted at the organization."
    )
    project_role: ProjectRole | None = described("The role, if it is granted at a project.")
    document_role: ProjectRole | None = described("The role, if it is granted at a document.")
    expires_at: datetime | None = described(
        "The date and time when the role ends; null if it does not end by itself."
    )
    reason: str | None = described("The reason why the role was granted.")
    user: Profile | None = to_one(
        "user_id", ProfileRow, Profile, "The user or service account that has the role."
    )
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization of the role."
    )
    project: Project | None = to_one(
        "project_id",
        ProjectRow,
        Project,
        "The project of the role; null if there is none or the viewer cannot read it.",
    )

    @computed(*ROLE_KEYS, text="The role.")
    def role(root: strawberry.Parent[Any]) -> OrganizationRole:  # noqa: N805
        role = root.admin_role or root.project_role or root.document_role
        return OrganizationRole[getattr(role, "name", None) or str(role).upper()]

    @computed(*SCOPES, text="The ID of the object at which the role is granted.")
    def object_id(root: strawberry.Parent[Any]) -> UUID:  # noqa: N805
        id: UUID = root.document_id or root.project_id or root.organization_id
        return id

    @computed(*SCOPES, text="The type of the object at which the role is granted.")
    def object_type(root: strawberry.Parent[Any]) -> EntityType:  # noqa: N805
        return SCOPE_MODELS[_scope_of(root)].__name__


UserRoleFilterInput = filter_input(
    UserRole,
    "id",
    "user_id",
    "organization_id",
    "project_id",
    "document_id",
    *ROLE_KEYS,
    "expires_at",
    "created_by",
    "created_at",
)
UserRoleOrderInput = order_input(UserRole, "expires_at", "created_at", "updated_at")


def roles(key: str, text: str) -> Any:
    """Return the connection of the roles whose column `key` names the parent."""
    return connection(db.UserRole, UserRole, UserRoleFilterInput, UserRoleOrderInput, text, key=key)


extend_type(
    Organization,
    roles=roles(
        "organization_id",
        "The roles granted at the organization and in it, besides those of memberships; for viewers"
        " who are not administrators, only their own.",
    ),
)
extend_type(
    Project,
    roles=roles(
        "project_id",
        "The roles granted at the project and its documents, besides those of its members; for"
        " viewers who are not administrators, only their own.",
    ),
)
extend_type(
    Profile,
    roles=roles(
        "user_id",
        "The roles granted to the user, besides those of memberships; for other users, only those"
        " at objects that the viewer administrates.",
    ),
)


@input_for(UserRole, "A role to grant to a member of an organization.")
class RoleGrantInput:
    user_id: UUID
    object_id: UUID = strawberry.field(
        description="The ID of the organization, project or document at which to grant the role."
    )
    role: OrganizationRole
    expires_at: datetime | None = strawberry.field(
        default=UNSET,
        description="The date and time when the role ends. By default, it does not end by itself.",
    )
    reason: str | None = UNSET


@input_for(UserRole, "The fields of a role to change.")
class RoleUpdateInput:
    role: Maybe[OrganizationRole]
    expires_at: Maybe[datetime | None]
    reason: Maybe[str | None]


async def role_grant(info: Info, input: Input[RoleGrantInput]) -> Any:
    values = given(input)
    async with writing(info) as transaction:
        place = await _find_place(transaction, values.pop("object_id"))
        values |= scopes_beneath(type(place), place)
        column = _role_column(_scope_of_model(type(place)))
        values[column] = _role_at(column, values.pop("role"))
        _require_future(transaction, values.get("expires_at"))
        role = db.UserRole(**values)
        transaction.require_create(role)
        await require_member(
            transaction, role.organization_id, role.user_id, "user_id", to_create=db.UserRole
        )
        _require_rank(transaction, role, role.role)
        await _require_proof(info, transaction, role)
        await _replace_expired(transaction, role)
        transaction.add(role)
        _tell(transaction, role, place, "role_granted", _sentence(role, place))
    _tell_owners(info, role)
    return answer(payload_of(UserRole), role)


async def role_update(
    info: Info, id: Id, expected_version: ExpectedVersion, input: Input[RoleUpdateInput]
) -> Any:
    values = given(input)
    async with writing(info) as transaction:
        role, place = await _locked(transaction, id)
        before, end = role.role, role.expires_at
        if "role" in values:
            column = _role_column(_scope_of(role))
            values[column] = _role_at(column, values.pop("role"))
        if "expires_at" in values:
            _require_future(transaction, values["expires_at"])
        _require_rank(transaction, role, before)
        await transaction.edits.update(role, expected_version, values)
        _require_rank(transaction, role, role.role)
        changed = role.role is not before or role.expires_at != end
        if changed:
            await _require_proof(info, transaction, role)
            _tell(transaction, role, place, "role_changed", _sentence(role, place))
    if changed:
        _tell_owners(info, role)
    versions = transaction.edits.merged.get(role.id, ())
    return answer(payload_of(UserRole, merges=True), role, versions)


async def role_revoke(info: Info, id: Id, expected_version: ExpectedVersion) -> Any:
    async with writing(info) as transaction:
        role, place = await _locked(transaction, id)
        await revoke(transaction, role, place, expected_version)
    return answer(payload_of(UserRole), role)


async def revoke(
    transaction: Transaction, role: db.UserRole, place: Any, expected_version: int
) -> None:
    """Revoke a role that is locked, after the object `place` at which it is granted.

    Raises FORBIDDEN for a role above the viewer's, unless it is their own, and CONFLICT.
    """
    if role.user_id != transaction.viewer.id:
        _require_rank(transaction, role, role.role)
    await transaction.edits.delete(role, expected_version)
    noun = spoken(type(place).__name__)
    title = f"Your role {role.role.value} at this {noun} has been revoked."
    _tell(transaction, role, place, "role_revoked", title)


def _scope_of(role: Any) -> str:
    """Return the column that names the object of a role."""
    return next(key for key in reversed(SCOPES) if getattr(role, key))


def _scope_of_model(model: type[Entity]) -> str:
    return next(key for key, scoped in SCOPE_MODELS.items() if scoped is model)


def _role_column(scope: str) -> str:
    return ROLE_KEYS[SCOPES.index(scope)]


def _role_at(column: str, role: OrganizationRole) -> OrganizationRole | ProjectRole:
    """Return the role as the column has it. Raises INVALID for one that is not granted there."""
    if column == "admin_role":
        return role
    if role.name not in ProjectRole.__members__:
        raise Problem("INVALID", NOT_THERE, field=["role"])
    return ProjectRole[role.name]


async def _find_place(transaction: Transaction, id: UUID) -> Any:
    """Return the organization, project or document, locked, so that changes of roles take turns.

    Raises NOT_FOUND.
    """
    for model in SCOPE_MODELS.values():
        if found := await transaction.find_by_id(model, {id}, lock=False, to_create=db.UserRole):
            await transaction.find_by_id(model, {id}, to_create=db.UserRole)
            return found[id]
    raise Problem("NOT_FOUND", "There is no such object.", field=["object_id"])


async def _locked(transaction: Transaction, id: UUID) -> tuple[db.UserRole, Any]:
    role = await transaction.find(db.UserRole, id, lock=False)
    place = await _find_place(transaction, getattr(role, _scope_of(role)))
    return await transaction.find(db.UserRole, id), place


def _require_future(transaction: Transaction, expires_at: datetime | None) -> None:
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= transaction.now):
        raise Problem("INVALID", "Must be in the future.", field=["expires_at"])


def _require_rank(
    transaction: Transaction, role: db.UserRole, label: OrganizationRole | ProjectRole
) -> None:
    scopes = [id for key in SCOPES if (id := getattr(role, key))]
    if not transaction.rights.require_role(Role[label.name], *scopes):
        raise Problem("FORBIDDEN", ABOVE_OWN, field=["role"])


async def _require_proof(info: Info, transaction: Transaction, role: db.UserRole) -> None:
    """Require a recent authentication for an owner, and for what widens a service account."""
    session = info.context.session
    if role.admin_role is OrganizationRole.OWNER:
        await keys.require_may_issue(session, transaction)
    elif role.admin_role is not None:
        await service_accounts.require_may_widen(session, transaction, role.user_id)


async def _replace_expired(transaction: Transaction, role: db.UserRole) -> None:
    """Revoke the person's former role at the same object, if it has ended by itself."""
    same = (
        db.UserRole.user_id == role.user_id,
        *(getattr(db.UserRole, key).is_not_distinct_from(getattr(role, key)) for key in SCOPES),
    )
    for former in await transaction.find_all(db.UserRole, *same):
        if former.expires_at is None or former.expires_at > transaction.now:
            message = "The user already has a role at this object."
            raise Problem("ALREADY_EXISTS", message, field=["user_id"])
        await transaction.edits.delete(former, former.version)
    await transaction.flush()


def _sentence(role: db.UserRole, place: Any) -> str:
    noun = spoken(type(place).__name__)
    until = f" until {role.expires_at:%d %B %Y, %H:%M} UTC" if role.expires_at else ""
    return f"You have the role {role.role.value} at the {noun} {place.name}{until}."


def _tell(transaction: Transaction, role: db.UserRole, place: Any, event: str, title: str) -> None:
    tell(
        transaction,
        role.user_id,
        NotificationType.INFO,
        event,
        title,
        place,
        organization_id=role.organization_id,
        project_id=role.project_id,
        message=role.reason,
    )


def _tell_owners(info: Info, role: db.UserRole) -> None:
    if role.admin_role is OrganizationRole.OWNER:
        session, outbox = info.context.session, info.context.outbox
        owner_mail.tell(session, outbox, "owner_made", role.organization_id, role.user_id)


@strawberry.type
class Query:
    role = by_id(db.UserRole, UserRole, "Look up a granted role by its ID.")


@strawberry.type
class Mutation:
    role_grant = mutation(
        role_grant,
        payload_of(UserRole),
        "Grant a member of the organization a role at an organization, project or document."
        " Requires an administrator of the object with at least this role. Granting OWNER at an"
        " organization, and a role at the organization to a service account, require the same"
        " authentication as `apiKeyCreate`.",
    )
    role_update = mutation(
        role_update,
        payload_of(UserRole, merges=True),
        "Update a granted role, its end or its reason.",
    )
    role_revoke = mutation(
        role_revoke,
        payload_of(UserRole),
        "Revoke a granted role, or give up one's own. The next request of the user is without it.",
    )
