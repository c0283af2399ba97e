"""Applications that an organization manages (OAuth clients)."""

from enum import Enum
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.oauth import managed
from db.core import organizations as db
from db.core.clients import OrganizationClient
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.people import Profile as ProfileRow
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.kit.connection import Direction, connection
from graph.kit.context import Info
from graph.kit.fields import described, extend_type, to_one
from graph.kit.filters import DateTimeFilter, Filter, StringFilter, UUIDFilter, named
from graph.kit.mutations import (
    ExpectedVersion,
    Force,
    Id,
    Payload,
    answer,
    delete,
    given,
    writing,
)
from graph.kit.node import Node
from graph.kit.scopes import SCOPE


@strawberry.type(description="An application that an organization manages, for owners.")
class OAuthClient(Authored, Node):
    model = OrganizationClient

    name: str = described("What people are told it is called.")
    redirect_uris: list[str] = described("Where answers to it may be sent; none if it asks nobody.")
    scopes: list[str] = described("What it may ask for, at most.")
    is_public: bool = described("Whether it keeps no secret, because it runs at its users.")
    is_disabled: bool = described("Whether it and its tokens are switched off.")
    secret_version: int = described("How many secrets it has had.")
    organization: Organization | None = to_one(
        "organization_id", db.Organization, Organization, "Which organization manages it."
    )
    service_account: Profile | None = to_one(
        "service_account_id",
        ProfileRow,
        Profile,
        "As what it acts when it acts for itself; null when it only acts for people.",
    )

    @strawberry.field(description="By what it names itself in requests.")
    def client_id(self) -> str:
        return managed.client_id(self.id)


@strawberry.input
class OAuthClientFilter:
    id: UUIDFilter | None = UNSET
    name: StringFilter | None = UNSET
    is_disabled: Filter[bool] | None = UNSET
    service_account_id: UUIDFilter | None = UNSET
    created_at: DateTimeFilter | None = UNSET
    and_: list["OAuthClientFilter"] | None = named("and")
    or_: list["OAuthClientFilter"] | None = named("or")
    not_: "OAuthClientFilter | None" = named("not")


@strawberry.enum
class OAuthClientSort(Enum):
    NAME = "name"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"


@strawberry.input
class OAuthClientOrder:
    by: OAuthClientSort
    direction: Direction = Direction.ASC


extend_type(
    Organization,
    oauth_clients=connection(
        OrganizationClient,
        OAuthClient,
        OAuthClientFilter,
        OAuthClientOrder,
        "The applications that it manages; visible to owners.",
        key="organization_id",
    ),
)


@strawberry.type
class OAuthClientPayload(Payload):
    client: OAuthClient


@strawberry.type
class OAuthClientSecretPayload(Payload):
    client: OAuthClient
    secret: str | None = strawberry.field(
        description="Its secret, which is shown this once and kept by nobody; a public"
        " application has none."
    )


@strawberry.input
class OAuthClientCreate:
    organization_id: UUID
    name: str
    redirect_uris: list[str] | None = UNSET
    scopes: list[str]
    is_public: bool = False
    service_account_id: UUID | None = strawberry.field(
        default=UNSET, description="As which service account it acts for itself."
    )
    service_account_role: OrganizationRole | None = strawberry.field(
        default=UNSET, description="Instead: the role of a new service account of its name."
    )


@strawberry.input
class OAuthClientUpdate:
    name: Maybe[str]
    redirect_uris: Maybe[list[str]]
    scopes: Maybe[list[str]]
    is_disabled: Maybe[bool]


async def oauth_client_create(
    info: Info, input: OAuthClientCreate
) -> OAuthClientSecretPayload | None:
    values = given(input)
    organization, account, role = (
        values.pop(name, None)
        for name in ("organization_id", "service_account_id", "service_account_role")
    )
    session = info.context.session
    async with writing(info) as transaction:
        row, secret = await managed.create(
            session, transaction, organization, values, account, role
        )
    managed.tell_owners(session, info.context.outbox, row, managed.REGISTERED)
    return await _shown(info, row, secret)


async def oauth_client_update(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    input: OAuthClientUpdate,
    force: Force = False,
) -> OAuthClientPayload | None:
    values, session = given(input), info.context.session
    async with writing(info) as transaction:
        row, did = await managed.update(
            session, transaction, id, expected_version, values, force=force
        )
    managed.tell_owners(session, info.context.outbox, row, did)
    versions = transaction.merged.get(row.id, ())
    return answer(OAuthClientPayload, row, versions)  # type: ignore[no-any-return]


async def oauth_client_secret_rotate(
    info: Info, id: Id, expected_version: ExpectedVersion
) -> OAuthClientSecretPayload | None:
    session = info.context.session
    async with writing(info, None) as transaction:
        row, secret = await managed.rotate(session, transaction, id, expected_version)
    managed.tell_owners(session, info.context.outbox, row, managed.ROTATED)
    return await _shown(info, row, secret)


async def _shown(
    info: Info, row: OrganizationClient, secret: str | None
) -> OAuthClientSecretPayload:
    read = await info.context.one(OrganizationClient, row.id) or row
    return OAuthClientSecretPayload(client=read, secret=secret)  # type: ignore[arg-type]


@strawberry.type
class Mutation:
    oauth_client_create = strawberry.mutation(
        oauth_client_create,
        description="Register an application of the organization or of a partner, for owners, under"
        " the rules of apiKeyCreate. Its secret is in this answer and nowhere else.",
        metadata={SCOPE: "admin"},
    )
    oauth_client_update = strawberry.mutation(
        oauth_client_update,
        description="Change what an application is registered with, or disable it: fewer scopes,"
        " other addresses and the switch take effect with the next request. Under the rules of"
        " apiKeyCreate, as registering one.",
        metadata={SCOPE: "admin"},
    )
    oauth_client_secret_rotate = strawberry.mutation(
        oauth_client_secret_rotate,
        description="Give an application another secret; the one before is good no more. Under the"
        " rules of apiKeyCreate, as registering one.",
        metadata={SCOPE: "admin"},
    )
    oauth_client_delete = delete(
        OrganizationClient,
        OAuthClientPayload,
        "Delete an application for good, and end its tokens at once.",
    )
