"""Applications that an organization manages (OAuth clients)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.accounts import keys, owner_mail
from auth.accounts.access import require_everything
from auth.oauth import connected, managed, reach
from auth.viewer import Role
from db.core import organizations as db
from db.core.clients import OrganizationClient
from db.core.organizations import MAX_ALLOWED_CLIENTS
from db.core.organizations import UserRoleType as OrganizationRole
from db.core.people import Profile as ProfileRow
from db.problem import Problem
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.kit.connection import After, Before, Connection, First, Last, connection
from graph.kit.context import Info
from graph.kit.fields import Id, computed, described, extend_type, to_one
from graph.kit.in_memory import keys_of, page_of
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import (
    ExpectedVersion,
    Force,
    Input,
    delete,
    given,
    mutation,
    writing,
)
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of

BY_CLIENT = keys_of(client_id=str)


@strawberry.type(description="An OAuth client that an organization manages.")
class OAuthClient(Authored, Node):
    model = OrganizationClient

    name: str = described("The name of the client, as users see it.")
    redirect_uris: list[str] = described(
        "The URIs to which users may be redirected; empty for clients that act only for themselves."
    )
    scopes: list[str] = described("The scopes that the client may request.")
    is_public: bool = described("Whether the client is public: it has no secret.")
    is_disabled: bool = described("Whether the client and its tokens are disabled.")
    secret_version: int = described("The number of secrets that the client has had.")
    former_secret_expires_at: datetime | None = described(
        "The date and time when the former secret expires; null if there is none."
    )
    organization: Organization | None = to_one(
        "organization_id", db.Organization, Organization, "The organization that manages it."
    )
    service_account: Profile | None = to_one(
        "service_account_id",
        ProfileRow,
        Profile,
        "The service account that the client acts as with the client credentials grant; null if it"
        " acts only for users.",
    )

    @computed("id", text="The `client_id` of the client in OAuth requests.")
    def client_id(root: strawberry.Parent[Any]) -> str:  # noqa: N805
        return managed.client_id(root.id)


extend_type(
    Organization,
    oauth_clients=connection(
        OrganizationClient,
        OAuthClient,
        filter_input(OAuthClient, "id", "name", "is_disabled", "service_account_id", "created_at"),
        order_input(OAuthClient, "name", "created_at", "updated_at"),
        "The OAuth clients of the organization; empty for viewers who are not owners.",
        key="organization_id",
    ),
)


@strawberry.type(description="An application that members of an organization have connected.")
class OrganizationApplication:
    client_id: str = described("The client ID of the application.")
    name: str = described("The name of the application.")
    is_unverified: bool = described(
        "Whether the application registered itself: nobody has verified who runs it."
    )
    is_allowed: bool = described(
        "Whether the application reaches the organization: the owners allow it."
    )
    user_count: int = described("The number of members who have connected it.")
    scopes: list[str] | None = described(
        "The scopes that members have granted it; null if it can do everything that they can."
    )
    connected_at: datetime = described(
        "The date and time of the oldest consent or token that is still valid."
    )
    last_used_at: datetime | None = described(
        "The date and time when it last used a token, to the minute."
    )


async def _connected(
    root: strawberry.Parent[Any],
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Connection[OrganizationApplication] | None:
    session = info.context.session
    require_everything(session.viewer)
    found: Sequence[connected.ConnectedApplication] = ()
    if session.viewer.grants.get(root.id, Role.ANYONE) >= Role.OWNER:
        found = sorted(
            await connected.of_organization(session.database, root.id),
            key=attrgetter("client_id"),
        )
    page = page_of(found, BY_CLIENT, first, after, last, before)
    rows: list[Any] = [_shown_application(one) for one in page.rows]
    return Connection[OrganizationApplication](page=replace(page, rows=rows))


def _shown_application(one: Any) -> OrganizationApplication:
    return OrganizationApplication(
        client_id=one.client_id,
        name=one.name,
        is_unverified=one.is_unverified,
        is_allowed=one.is_allowed,
        user_count=one.people,
        scopes=None if one.scopes is None else sorted(one.scopes),
        connected_at=one.since,
        last_used_at=one.last_used_at,
    )


extend_type(
    Organization,
    connected_applications=computed(
        "id",
        text="The applications that members have connected and that act for them, by client ID, at"
        f" most {connected.MAX_LISTED}. Applications that only identify people are left out. Empty"
        " for viewers who are not owners. A token needs the scope `admin`.",
    )(_connected),
)


@strawberry.type(description="An OAuth client with its secret.")
class OAuthClientSecretPayload:
    oauth_client: OAuthClient = described("The OAuth client.")
    secret: str | None = described(
        "The secret, which is shown only once; null for a public client."
    )


@input_for(OAuthClient, "An OAuth client to create.")
class OAuthClientCreateInput:
    organization_id: UUID
    name: str
    redirect_uris: list[str] | None = UNSET
    scopes: list[str]
    is_public: bool = False
    service_account_id: UUID | None = UNSET
    service_account_role: OrganizationRole | None = strawberry.field(
        default=UNSET,
        description="The role of a service account to create for the client, instead of an existing"
        " one.",
    )


@input_for(OAuthClient, "The fields of an OAuth client to change.")
class OAuthClientUpdateInput:
    name: Maybe[str]
    redirect_uris: Maybe[list[str]]
    scopes: Maybe[list[str]]
    is_disabled: Maybe[bool]


RevokeFormer = Annotated[
    bool,
    strawberry.argument(
        description="Whether to revoke both the current and the former secret at once, because they"
        " may be known to others."
    ),
]


async def oauth_client_create(
    info: Info, input: Input[OAuthClientCreateInput]
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
    input: Input[OAuthClientUpdateInput],
    force: Force = False,
) -> Any:
    values, session = given(input), info.context.session
    async with writing(info) as transaction:
        row, did = await managed.update(
            session, transaction, id, expected_version, values, force=force
        )
    managed.tell_owners(session, info.context.outbox, row, did)
    versions = transaction.edits.merged.get(row.id, ())
    return answer(payload_of(OAuthClient, merges=True), row, versions)


async def oauth_client_secret_rotate(
    info: Info, id: Id, expected_version: ExpectedVersion, revoke_former: RevokeFormer = False
) -> OAuthClientSecretPayload | None:
    session = info.context.session
    async with writing(info, None) as transaction:
        row, secret = await managed.rotate(
            session, transaction, id, expected_version, revoke_former=revoke_former
        )
    managed.tell_owners(session, info.context.outbox, row, managed.ROTATED)
    return await _shown(info, row, secret)


async def oauth_client_former_secret_revoke(info: Info, id: Id) -> Any:
    async with writing(info, None) as transaction:
        row = await managed.revoke_former_secret(transaction, id)
    return answer(payload_of(OAuthClient), row)


@strawberry.input(description="The applications that can reach an organization.")
class OrganizationAllowedClientsInput:
    client_ids: list[str] | None = strawberry.field(
        description="The client IDs of the applications to allow; null allows every application."
    )


async def organization_allowed_clients_set(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    input: Input[OrganizationAllowedClientsInput],
) -> Any:
    session, outbox = info.context.session, info.context.outbox
    listed = None if input.client_ids is None else list(dict.fromkeys(input.client_ids))
    async with writing(info) as transaction:
        await keys.require_may_issue(session, transaction)
        organization = await transaction.find(db.Organization, id)
        if not transaction.rights.require_role(Role.OWNER, id):
            raise Problem("FORBIDDEN", "Only owners can change which applications have access.")
        if len(listed or ()) > MAX_ALLOWED_CLIENTS:
            message = f"An organization allows at most {MAX_ALLOWED_CLIENTS} applications."
            raise Problem("INVALID", message, field=["client_ids"])
        await reach.require_known(session.database, listed or (), "client_ids")
        await transaction.edits.update(organization, expected_version, {"allowed_clients": listed})
    versions = transaction.edits.merged.get(organization.id, ())
    owner_mail.tell(session, outbox, "allowed_clients", organization.id, None, clients=listed)
    return answer(payload_of(Organization, merges=True), organization, versions)


async def _shown(
    info: Info, row: OrganizationClient, secret: str | None
) -> OAuthClientSecretPayload:
    read = await info.context.one(OrganizationClient, row.id) or row
    return OAuthClientSecretPayload(oauth_client=read, secret=secret)  # type: ignore[arg-type]


@strawberry.type
class Mutation:
    oauth_client_create = mutation(
        oauth_client_create,
        OAuthClientSecretPayload,
        "Create an OAuth client of an organization. It requires the same authentication as"
        " `apiKeyCreate`.",
        scope="admin",
    )
    oauth_client_update = mutation(
        oauth_client_update,
        payload_of(OAuthClient, merges=True),
        "Update an OAuth client. Changes apply from the next request on. It requires the same"
        " authentication as `apiKeyCreate`.",
        scope="admin",
    )
    oauth_client_secret_rotate = mutation(
        oauth_client_secret_rotate,
        OAuthClientSecretPayload,
        "Create a new secret of an OAuth client. The current secret is valid for another 24 hours,"
        " a former one is revoked. It requires the same authentication as `apiKeyCreate`.",
        scope="admin",
    )
    oauth_client_former_secret_revoke = mutation(
        oauth_client_former_secret_revoke,
        payload_of(OAuthClient),
        "Revoke the former secret of an OAuth client.",
    )
    organization_allowed_clients_set = mutation(
        organization_allowed_clients_set,
        payload_of(Organization, merges=True),
        "Set the applications that can reach an organization. Its own clients and those of the"
        " gateway always can. All others lose their access at once. Requires an owner, and takes"
        " the same authentication as `apiKeyCreate`.",
        scope="admin",
    )
    oauth_client_delete = delete(
        OAuthClient, "Delete an OAuth client permanently, and revoke its tokens."
    )
