"""Organizations: the tenants, their members and invitations."""

from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry
from strawberry import UNSET
from strawberry.scalars import JSON

from db.core import organizations as db
from db.core.organizations import BillingPlan, InvitationStatus, OrganizationType
from db.core.organizations import PricingPlanInterval as BillingCycle
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.people import Profile as ProfileRow
from db.core.people import UserStatus
from db.problem import Problem
from graph.core.people import Authored, Profile
from graph.kit.connection import Direction, connection
from graph.kit.context import Info
from graph.kit.fields import AsOf, AtVersion, described, extend_type, to_one
from graph.kit.filters import DateTimeFilter, Filter, StringFilter, UUIDFilter, named
from graph.kit.node import Node
from graph.kit.scalars import BigInt

strawberry.enum(OrganizationType, description="Who stands behind it.")
strawberry.enum(BillingPlan, description="What it has subscribed to.")
strawberry.enum(BillingCycle, name="BillingCycle", description="How often it pays.")
strawberry.enum(
    OrganizationRole,
    name="OrganizationRole",
    description="What a person is in an organization. MEMBER reads what is visible to the"
    " organization and works where they hold a project or document role; BILLING sees billing"
    " alone; the others hold for everything beneath.",
)
strawberry.enum(InvitationStatus, description="What has become of an invitation.")


@strawberry.type(description="A tenant: its people, its projects, its plan and limits.")
class Organization(Authored, Node):
    model = db.Organization

    name: str = described("What it is called.")
    slug: str = described("Its name in addresses, unique everywhere.")
    type: OrganizationType = described("Who stands behind it.")
    billing_plan: BillingPlan = described("What it has subscribed to.")
    billing_cycle: BillingCycle = described("How often it pays.")
    max_members: int = described("How many members the plan allows.")
    max_monthly_requests: BigInt = described("How many requests a month the plan allows.")
    trash_retention_days: int | None = described(
        "Days until what was deleted may be purged; null keeps everything."
    )
    member_count: int = described("How many active members it has.")
    storage_used: BigInt = described("Bytes stored.")
    settings: JSON = described("Its configuration.")
    owner: Profile | None = to_one("owner_id", ProfileRow, Profile, "Its primary administrator.")


@strawberry.type(description="A person's membership in an organization.")
class OrganizationMember(Authored, Node):
    model = db.OrganizationMember

    role: OrganizationRole = described("What they are in the organization.")
    status: UserStatus = described("Whether the membership is in force.")
    last_active_at: datetime | None = described("When they were last seen there.")
    organization: Organization | None = to_one(
        "organization_id", db.Organization, Organization, "Where."
    )
    user: Profile | None = to_one("user_id", ProfileRow, Profile, "Who.")


@strawberry.type(description="An address that may join an organization, once.")
class OrganizationInvitation(Authored, Node):
    model = db.OrganizationInvitation

    email: str = described("Whose invitation it is.")
    role: OrganizationRole = described("The role they are to have.")
    status: InvitationStatus = described("What has become of it.")
    expires_at: datetime = described("Until when it can be accepted.")
    token: UUID = described("What to accept it with, signed in under the same address.")
    organization: Organization | None = to_one(
        "organization_id", db.Organization, Organization, "Where to."
    )


@strawberry.input
class OrganizationFilter:
    id: UUIDFilter | None = UNSET
    name: StringFilter | None = UNSET
    slug: StringFilter | None = UNSET
    type: Filter[OrganizationType] | None = UNSET
    billing_plan: Filter[BillingPlan] | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    updated_at: DateTimeFilter | None = UNSET
    and_: list["OrganizationFilter"] | None = named("and")
    or_: list["OrganizationFilter"] | None = named("or")
    not_: "OrganizationFilter | None" = named("not")


@strawberry.enum
class OrganizationSort(Enum):
    NAME = "name"
    SLUG = "slug"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


@strawberry.input
class OrganizationOrder:
    by: OrganizationSort
    direction: Direction = Direction.ASC


@strawberry.input
class OrganizationMemberFilter:
    id: UUIDFilter | None = UNSET
    user_id: UUIDFilter | None = UNSET
    role: Filter[OrganizationRole] | None = UNSET
    status: Filter[UserStatus] | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    and_: list["OrganizationMemberFilter"] | None = named("and")
    or_: list["OrganizationMemberFilter"] | None = named("or")
    not_: "OrganizationMemberFilter | None" = named("not")


@strawberry.enum
class OrganizationMemberSort(Enum):
    ROLE = "role"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


@strawberry.input
class OrganizationMemberOrder:
    by: OrganizationMemberSort
    direction: Direction = Direction.ASC


@strawberry.input
class OrganizationInvitationFilter:
    id: UUIDFilter | None = UNSET
    email: StringFilter | None = UNSET
    role: Filter[OrganizationRole] | None = UNSET
    status: Filter[InvitationStatus] | None = UNSET
    expires_at: DateTimeFilter | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    and_: list["OrganizationInvitationFilter"] | None = named("and")
    or_: list["OrganizationInvitationFilter"] | None = named("or")
    not_: "OrganizationInvitationFilter | None" = named("not")


@strawberry.enum
class OrganizationInvitationSort(Enum):
    EMAIL = "email"
    EXPIRES_AT = "expires_at"
    CREATED_AT = "created_at"


@strawberry.input
class OrganizationInvitationOrder:
    by: OrganizationInvitationSort
    direction: Direction = Direction.ASC


extend_type(
    Organization,
    members=connection(
        db.OrganizationMember,
        OrganizationMember,
        OrganizationMemberFilter,
        OrganizationMemberOrder,
        "Who belongs to it.",
        key="organization_id",
    ),
    invitations=connection(
        db.OrganizationInvitation,
        OrganizationInvitation,
        OrganizationInvitationFilter,
        OrganizationInvitationOrder,
        "Who has been invited; visible to administrators.",
        key="organization_id",
    ),
)


async def _organization(
    info: Info,
    id: UUID | None = None,
    slug: str | None = None,
    at_version: AtVersion = None,
    as_of: AsOf = None,
) -> Organization | None:
    if (id is None) == (slug is None):
        raise Problem("INVALID", "Give either the id or the slug.", field=["id"])
    if id is None:
        id = (await info.context.get_by(db.Organization, "slug", slug)).id  # of now
    return await info.context.get_then(db.Organization, id, at_version, as_of)  # type: ignore[return-value]


@strawberry.type
class Query:
    organization = strawberry.field(
        _organization, description="One organization, by its id or its slug."
    )
    organizations = connection(
        db.Organization,
        Organization,
        OrganizationFilter,
        OrganizationOrder,
        "The organizations the viewer belongs to.",
    )
