"""Groups that an identity provider provisions, and the roles that owners give their members."""

from typing import Annotated, Any

import strawberry

from auth.accounts import keys
from auth.accounts.provisioning import groups
from auth.viewer import Role
from db.core import organizations as db
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.people import Profile as ProfileRow
from db.core.provisioning import ProvisionedGroup as GroupRow
from db.core.provisioning import ProvisionedGroupMember as GroupMemberRow
from db.problem import Problem
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.fields import Id, described, extend_type, to_one
from graph.kit.inputs import filter_input, order_input
from graph.kit.mutations import ExpectedVersion, mutation, writing
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of


@strawberry.type(
    description="A group that the identity provider of an organization provisions by SCIM."
)
class ProvisionedGroup(Authored, Node):
    model = GroupRow

    display_name: str = described("The name of the group.")
    external_id: str | None = described("The ID of the group at the identity provider.")
    role: OrganizationRole | None = described(
        "The role that members of the group have in the organization; null if the group gives none."
    )
    organization: Organization | None = to_one(
        "organization_id", db.Organization, Organization, "The organization of the group."
    )


@strawberry.type(description="A member of a provisioned group.")
class ProvisionedGroupMember(Authored, Node):
    model = GroupMemberRow

    group: ProvisionedGroup | None = to_one(
        "group_id", GroupRow, ProvisionedGroup, "The group of the member."
    )
    user: Profile | None = to_one("user_id", ProfileRow, Profile, "The user in the group.")


extend_type(
    ProvisionedGroup,
    members=connection(
        GroupMemberRow,
        ProvisionedGroupMember,
        filter_input(ProvisionedGroupMember, "id", "user_id", "created_at"),
        order_input(ProvisionedGroupMember, "created_at"),
        "The members of the group.",
        key="group_id",
    ),
)
extend_type(
    Organization,
    provisioned_groups=connection(
        GroupRow,
        ProvisionedGroup,
        filter_input(ProvisionedGroup, "id", "display_name", "external_id", "role", "created_at"),
        order_input(ProvisionedGroup, "display_name", "created_at", "updated_at"),
        "The groups that the identity provider of the organization provisions; empty for viewers"
        " who are not administrators.",
        key="organization_id",
    ),
)


async def provisioned_group_role_update(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    role: Annotated[
        OrganizationRole | None,
        strawberry.argument(description="The role of the members; null for none."),
    ] = None,
) -> Any:
    async with writing(info, None) as transaction:
        group = await transaction.find(GroupRow, id)
        if not transaction.rights.require_role(Role.OWNER, group.organization_id):
            raise Problem("FORBIDDEN", "Only owners set the roles of groups.")
        await keys.require_may_issue(info.context.session, transaction)
        await groups.set_role(transaction, group, expected_version, role)
    return answer(payload_of(ProvisionedGroup), group)


@strawberry.type
class Mutation:
    provisioned_group_role_update = mutation(
        provisioned_group_role_update,
        payload_of(ProvisionedGroup),
        "Set the role of the members of a provisioned group, who get it at once. Members of several"
        " groups have the highest role. Requires an owner and the same authentication as"
        " `apiKeyCreate`. The role cannot be OWNER.",
    )
