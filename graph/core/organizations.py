"""Organizations: the tenants, their members and invitations."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from db.core import organizations as db
from db.core.organizations import BillingPlan, InvitationStatus, OrganizationType
from db.core.organizations import PricingPlanInterval as BillingCycle
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.people import Profile as ProfileRow
from db.core.people import UserStatus
from db.problem import Problem
from graph.core.people import Authored, Profile
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import AsOf, AtVersion, described, extend_type, to_one
from graph.kit.inputs import filter_input, order_input
from graph.kit.node import Node
from graph.kit.scalars import BigInt

describe_enum(
    OrganizationType,
    "The type of an organization.",
    {
        "PERSONAL": "The organization of one person.",
        "TEAM": "The organization of a team.",
        "ENTERPRISE": "The organization of an enterprise.",
    },
)
describe_enum(
    BillingPlan,
    "The plan of an organization, which sets its limits.",
    {
        "FREE": "The free plan.",
        "STARTER": "The plan for small teams.",
        "PRO": "The plan for professionals.",
        "BUSINESS": "The plan for businesses.",
        "SCALE": "The plan for large businesses.",
        "ENTERPRISE": "The plan for enterprises, as agreed.",
    },
)
describe_enum(
    BillingCycle,
    "How often an organization is billed.",
    {
        "MONTHLY": "Every month.",
        "QUARTERLY": "Every three months.",
        "YEARLY": "Every year.",
    },
    name="BillingCycle",
)
describe_enum(
    OrganizationRole,
    "The role of a user in an organization.",
    {
        "OWNER": "Full access, including owners, keys, applications and deletion.",
        "ADMIN": "Can change the organization, its members and every project.",
        "EDITOR": "Can read every project, and create and change documents and their content.",
        "MEMBER": "Can read the organization, its members, and projects whose visibility is"
        " ORGANIZATION or PUBLIC, and has further access by roles in projects and documents.",
        "VIEWER": "Can read the organization, its members and every project.",
        "BILLING": "Can read the organization, its billing, and PUBLIC projects.",
    },
    name="OrganizationRole",
)
describe_enum(
    InvitationStatus,
    "The status of an invitation.",
    {
        "PENDING": "The invitation can be accepted.",
        "ACCEPTED": "The invitation was accepted.",
        "DECLINED": "The invitation was declined.",
        "EXPIRED": "The invitation has expired.",
        "CANCELLED": "The invitation was cancelled.",
    },
)


@strawberry.type(description="A tenant: its members, projects, plan and limits.")
class Organization(Authored, Node):
    model = db.Organization

    name: str = described("The name of the organization.")
    slug: str = described("The name of the organization in URLs, unique among all organizations.")
    type: OrganizationType = described("The type of the organization.")
    billing_plan: BillingPlan = described("The plan of the organization.")
    billing_cycle: BillingCycle = described("How often the organization is billed.")
    max_members: int = described("The maximum number of members of the plan.")
    max_monthly_requests: BigInt = described("The maximum number of requests a month of the plan.")
    trash_retention_days: int | None = described(
        "The number of days until deleted objects can be purged; null if they cannot be."
    )
    member_count: int = described("The number of active members.")
    storage_used: BigInt = described("The storage that baselines and files use, in bytes.")
    allowed_clients: list[str] | None = described(
        "The client IDs of the applications that can reach the organization, besides its own and"
        " those of the gateway; null allows every application."
    )
    sharing_allowed: bool = described(
        "Whether shares can be created in the organization. Without it, existing ones open nothing."
    )
    second_factor_required: bool = described(
        "Whether members need a second factor. Those without one cannot use the organization."
    )
    settings: JSON = described("The settings of the organization.")
    owner: Profile | None = to_one(
        "owner_id", ProfileRow, Profile, "The primary owner of the organization."
    )


@strawberry.type(description="The membership of a user in an organization.")
class OrganizationMember(Authored, Node):
    model = db.OrganizationMember

    role: OrganizationRole = described("The role of the member in the organization.")
    status: UserStatus = described("The status of the membership.")
    last_active_at: datetime | None = described(
        "The date and time when the member last used the API in the organization, exact to an"
        " hour; null if the member has not."
    )
    joined_domain: str | None = described(
        "The domain of the email address by which the member joined; null for members who were"
        " invited or created the organization."
    )
    user_name: str | None = described(
        "The name of the member at the identity provider that provisions the organization."
    )
    external_id: str | None = described(
        "The ID of the member at the identity provider that provisions the organization."
    )
    organization: Organization | None = to_one(
        "organization_id", db.Organization, Organization, "The organization of the membership."
    )
    user: Profile | None = to_one(
        "user_id", ProfileRow, Profile, "The user or service account that is the member."
    )


@strawberry.type(description="An invitation of an email address to an organization.")
class OrganizationInvitation(Authored, Node):
    model = db.OrganizationInvitation

    email: str = described("The email address that is invited.")
    role: OrganizationRole = described("The role that the new member will have.")
    status: InvitationStatus = described("The status of the invitation.")
    expires_at: datetime = described("The date and time when the invitation expires.")
    token: UUID = described(
        "The token that accepts the invitation, for a viewer with the invited email address."
    )
    organization: Organization | None = to_one(
        "organization_id", db.Organization, Organization, "The organization of the invitation."
    )


OrganizationFilterInput = filter_input(
    Organization,
    "id",
    "name",
    "slug",
    "type",
    "billing_plan",
    "created_at",
    "updated_at",
)
OrganizationOrderInput = order_input(Organization, "name", "slug", "created_at", "updated_at")
OrganizationMemberFilterInput = filter_input(
    OrganizationMember, "id", "user_id", "role", "status", "joined_domain", "created_at"
)
OrganizationMemberOrderInput = order_input(OrganizationMember, "role", "created_at", "updated_at")
OrganizationInvitationFilterInput = filter_input(
    OrganizationInvitation, "id", "email", "role", "status", "expires_at", "created_at"
)
OrganizationInvitationOrderInput = order_input(
    OrganizationInvitation, "email", "expires_at", "created_at"
)


extend_type(
    Organization,
    members=connection(
        db.OrganizationMember,
        OrganizationMember,
        OrganizationMemberFilterInput,
        OrganizationMemberOrderInput,
        "The members of the organization.",
        key="organization_id",
    ),
    invitations=connection(
        db.OrganizationInvitation,
        OrganizationInvitation,
        OrganizationInvitationFilterInput,
        OrganizationInvitationOrderInput,
        "The invitations to the organization; empty for viewers who are not administrators.",
        key="organization_id",
    ),
)


async def _organization(
    info: Info,
    id: Annotated[
        UUID | None, strawberry.argument(description="The ID of the organization.")
    ] = None,
    slug: Annotated[
        str | None, strawberry.argument(description="The slug of the organization.")
    ] = None,
    at_version: AtVersion = None,
    as_of: AsOf = None,
) -> Organization | None:
    if (id is None) == (slug is None):
        raise Problem("INVALID", "Give either `id` or `slug`.", field=["id"])
    if id is None:
        id = (await info.context.get_by(db.Organization, "slug", slug)).id  # of now
    return await info.context.get_then(db.Organization, id, at_version, as_of)  # type: ignore[return-value]


@strawberry.type
class Query:
    organization = strawberry.field(
        _organization, description="Look up an organization by its ID or slug."
    )
    organizations = connection(
        db.Organization,
        Organization,
        OrganizationFilterInput,
        OrganizationOrderInput,
        "List the organizations of the viewer.",
    )
