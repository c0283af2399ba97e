"""API keys: how servers act as a service account of an organization."""

from datetime import datetime
from uuid import UUID

import strawberry
from strawberry import UNSET

from auth import keys
from db.core import keys as db
from db.core import organizations
from db.core.people import Profile as ProfileRow
from graph.core.keys import SECRET, Key, KeyFilter, KeyOrder, KeyUpdate
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.fields import extend_type, to_one
from graph.kit.mutations import ExpectedVersion, Force, Id, Payload, answer, given, writing
from graph.kit.scopes import SCOPE


@strawberry.type(description="A server's key. It acts as a service account, within its scopes.")
class ApiKey(Authored, Key):
    model = db.ApiKey

    service_account: Profile | None = to_one(
        "service_account_id", ProfileRow, Profile, "Whom it acts as."
    )
    organization: Organization | None = to_one(
        "organization_id", organizations.Organization, Organization, "Where."
    )


extend_type(
    Organization,
    api_keys=connection(
        db.ApiKey,
        ApiKey,
        KeyFilter,
        KeyOrder,
        "Keys of its service accounts; visible to owners.",
        key="organization_id",
    ),
)


@strawberry.type
class ApiKeyPayload(Payload):
    api_key: ApiKey


@strawberry.type
class ApiKeyCreatePayload(Payload):
    api_key: ApiKey
    secret: str = strawberry.field(description=SECRET)


@strawberry.input
class ApiKeyCreate:
    service_account_id: UUID
    name: str
    scopes: list[str]
    expires_at: datetime | None = strawberry.field(
        default=UNSET, description="In 90 days unless given; within a year."
    )


async def api_key_create(info: Info, input: ApiKeyCreate) -> ApiKeyCreatePayload | None:
    given(input)
    async with writing(info) as transaction:
        key, text = await keys.new_api_key(
            info.context.session,
            transaction,
            input.service_account_id,
            input.name,
            input.scopes,
            input.expires_at or None,
        )
    keys.tell_owners(info.context.session, info.context.outbox, key)
    return ApiKeyCreatePayload(api_key=key, secret=text)  # type: ignore[arg-type]


async def api_key_update(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    input: KeyUpdate,
    force: Force = False,
) -> ApiKeyPayload | None:
    values = given(input)
    async with writing(info) as transaction:
        await keys.require_may_issue(info.context.session, transaction)
        key = await transaction.find(db.ApiKey, id)
        values = keys.checked(transaction, values)
        await transaction.update(key, expected_version, values, force=force)
    return answer(ApiKeyPayload, key, transaction.merged.get(key.id, ()))  # type: ignore[no-any-return]


async def api_key_revoke(info: Info, id: Id) -> ApiKeyPayload | None:
    async with writing(info, None) as transaction:
        key = await keys.revoke(transaction, db.ApiKey, id)
    return answer(ApiKeyPayload, key)  # type: ignore[no-any-return]


@strawberry.type
class Mutation:
    api_key_create = strawberry.mutation(
        api_key_create,
        description="A new key of a service account, for owners: in a session with a fresh proof,"
        " or with a token for everything. A mail tells all owners of it.",
        metadata={SCOPE: "admin"},
    )
    api_key_update = strawberry.mutation(
        api_key_update,
        description="Change a key's name, scopes or end, which is within a year of its making, for"
        " owners, like making one.",
        metadata={SCOPE: "admin"},
    )
    api_key_revoke = strawberry.mutation(
        api_key_revoke, description="End a key from the next request on, for good."
    )
