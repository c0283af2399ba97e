"""Service accounts: members of one organization in whose name servers act."""

from enum import Enum
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth import service_accounts
from db.core import organizations as db
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.people import Profile as ProfileRow
from graph.core.organizations import Organization, OrganizationMember
from graph.core.people import Profile
from graph.kit.connection import Direction, connection
from graph.kit.context import Info
from graph.kit.fields import extend_type, to_one
from graph.kit.filters import DateTimeFilter, StringFilter, UUIDFilter, named
from graph.kit.mutations import (
    ExpectedVersion,
    Force,
    Id,
    Payload,
    answer,
    given,
    writing,
)


@strawberry.input
class ServiceAccountFilter:
    id: UUIDFilter | None = UNSET
    full_name: StringFilter | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    and_: list["ServiceAccountFilter"] | None = named("and")
    or_: list["ServiceAccountFilter"] | None = named("or")
    not_: "ServiceAccountFilter | None" = named("not")


@strawberry.enum
class ServiceAccountSort(Enum):
    FULL_NAME = "full_name"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


@strawberry.input
class ServiceAccountOrder:
    by: ServiceAccountSort
    direction: Direction = Direction.ASC


extend_type(
    Organization,
    service_accounts=connection(
        ProfileRow,
        Profile,
        ServiceAccountFilter,
        ServiceAccountOrder,
        "The servers that act in it; each is a member, too.",
        key="service_of",
    ),
)
extend_type(
    Profile,
    service_of=to_one(
        "service_of",
        db.Organization,
        Organization,
        "Of a service account, the organization that it serves.",
    ),
)


@strawberry.type
class ServiceAccountPayload(Payload):
    service_account: Profile


@strawberry.type
class ServiceAccountCreatePayload(Payload):
    service_account: Profile
    member: OrganizationMember = strawberry.field(description="Its membership, with its role.")


@strawberry.input
class ServiceAccountCreate:
    organization_id: UUID
    name: str
    role: OrganizationRole = OrganizationRole.MEMBER


@strawberry.input
class ServiceAccountUpdate:
    name: Maybe[str]


async def service_account_create(
    info: Info, input: ServiceAccountCreate
) -> ServiceAccountCreatePayload | None:
    given(input)
    async with writing(info) as transaction:
        account, member = await service_accounts.create(
            transaction, input.organization_id, input.name, input.role
        )
    return ServiceAccountCreatePayload(service_account=account, member=member)  # type: ignore[arg-type]


async def service_account_update(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    input: ServiceAccountUpdate,
    force: Force = False,
) -> ServiceAccountPayload | None:
    values = given(input)
    async with writing(info) as transaction:
        if "name" in values:
            values = {"full_name": service_accounts.service_name(values["name"])}
        account = await service_accounts.find(transaction, id)
        await transaction.update(account, expected_version, values, force=force)
    versions = transaction.merged.get(account.id, ())
    return answer(ServiceAccountPayload, account, versions)  # type: ignore[no-any-return]


async def service_account_delete(
    info: Info, id: Id, expected_version: ExpectedVersion
) -> ServiceAccountPayload | None:
    async with writing(info, None) as transaction:
        account = await service_accounts.delete(transaction, id, expected_version)
    return answer(ServiceAccountPayload, account)  # type: ignore[no-any-return]


@strawberry.type
class Mutation:
    service_account_create = strawberry.mutation(
        service_account_create,
        description="A new service account, for owners: a member without a password, in whose name"
        " servers act. Its role is changed by organizationMemberUpdate, and is never OWNER.",
    )
    service_account_update = strawberry.mutation(
        service_account_update, description="Call a service account something else."
    )
    service_account_delete = strawberry.mutation(
        service_account_delete,
        description="Delete a service account and end its membership; what acts in its name stops"
        " at once, and does not come back.",
    )
