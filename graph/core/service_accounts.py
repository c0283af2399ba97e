"""Service accounts: members of one organization as which servers act."""

from typing import Any
from uuid import UUID

import strawberry
from strawberry import Maybe

from auth.accounts import service_accounts
from db.core import organizations as db
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.people import Profile as ProfileRow
from graph.core.organizations import Organization, OrganizationMember
from graph.core.people import Profile
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.fields import Id, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import (
    ExpectedVersion,
    Force,
    Input,
    given,
    mutation,
    writing,
)
from graph.kit.payloads import answer, payload_of

extend_type(
    Organization,
    service_accounts=connection(
        ProfileRow,
        Profile,
        filter_input(Profile, "id", "full_name", "created_at", name="ServiceAccount"),
        order_input(Profile, "full_name", "created_at", "updated_at", name="ServiceAccount"),
        "The service accounts of the organization. Each is also a member.",
        key="service_of",
    ),
)
extend_type(
    Profile,
    service_of=to_one(
        "service_of",
        db.Organization,
        Organization,
        "The organization of a service account; null for users.",
    ),
)
CHANGED = payload_of(Profile, name="ServiceAccount", merges=True)
DELETED = payload_of(Profile, name="ServiceAccount")


@strawberry.type(description="The result of the creation of a service account.")
class ServiceAccountCreatePayload:
    service_account: Profile = described("The service account.")
    organization_member: OrganizationMember = described("The membership, with the role.")


@input_for(OrganizationMember, "A service account to create.")
class ServiceAccountCreateInput:
    organization_id: UUID
    name: str = strawberry.field(description="The full name of the service account.")
    role: OrganizationRole = OrganizationRole.MEMBER


@strawberry.input(description="The fields of a service account to change.")
class ServiceAccountUpdateInput:
    name: Maybe[str] = strawberry.field(description="The full name of the service account.")


async def service_account_create(
    info: Info, input: Input[ServiceAccountCreateInput]
) -> ServiceAccountCreatePayload | None:
    given(input)
    async with writing(info) as transaction:
        account, member = await service_accounts.create(
            transaction, input.organization_id, input.name, input.role
        )
    return ServiceAccountCreatePayload(service_account=account, organization_member=member)  # type: ignore[arg-type]


async def service_account_update(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    input: Input[ServiceAccountUpdateInput],
    force: Force = False,
) -> Any:
    values = given(input)
    async with writing(info) as transaction:
        if "name" in values:
            values = {"full_name": service_accounts.service_name(values["name"])}
        account = await service_accounts.find(transaction, id)
        await transaction.edits.update(account, expected_version, values, force=force)
    versions = transaction.edits.merged.get(account.id, ())
    return answer(CHANGED, account, versions)


async def service_account_delete(info: Info, id: Id, expected_version: ExpectedVersion) -> Any:
    async with writing(info, None) as transaction:
        account = await service_accounts.delete(transaction, id, expected_version)
    return answer(DELETED, account)


@strawberry.type
class Mutation:
    service_account_create = mutation(
        service_account_create,
        ServiceAccountCreatePayload,
        "Create a service account: a member without a password, as which servers act. Requires an"
        " owner. The role can be changed with `organizationMemberUpdate`, and cannot be OWNER.",
    )
    service_account_update = mutation(
        service_account_update, CHANGED, "Update the name of a service account."
    )
    service_account_delete = mutation(
        service_account_delete,
        DELETED,
        "Delete a service account permanently. Its credentials stop working at once.",
    )
