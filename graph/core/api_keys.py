"""API keys, with which servers act as a service account of an organization."""

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from auth.accounts import keys
from db.core import keys as db
from db.core import organizations
from db.core.people import Profile as ProfileRow
from graph.core.keys import SECRET, Credential, credential_filter, credential_order
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.fields import Id, described, extend_type, to_one
from graph.kit.inputs import input_for
from graph.kit.mutations import ExpectedVersion, Force, Input, given, mutation, writing
from graph.kit.payloads import answer, payload_of


@strawberry.type(description="A credential of a service account, for servers.")
class ApiKey(Authored, Credential):
    model = db.ApiKey

    service_account: Profile | None = to_one(
        "service_account_id", ProfileRow, Profile, "The service account that the key acts as."
    )
    organization: Organization | None = to_one(
        "organization_id", organizations.Organization, Organization, "The organization of the key."
    )


extend_type(
    Organization,
    api_keys=connection(
        db.ApiKey,
        ApiKey,
        credential_filter(ApiKey),
        credential_order(ApiKey),
        "The API keys of the organization; empty for viewers who are not owners.",
        key="organization_id",
    ),
)


@strawberry.type(description="The result of the creation of an API key.")
class ApiKeyCreatePayload:
    api_key: ApiKey = described("The API key.")
    secret: str = described(SECRET)


@input_for(ApiKey, "An API key to create.")
class ApiKeyCreateInput:
    service_account_id: UUID
    name: str
    scopes: list[str]
    expires_at: datetime | None = strawberry.field(
        default=UNSET,
        description="The date and time when the key expires, within a year. The default is 90 days"
        " from now.",
    )


@input_for(ApiKey, "The fields of an API key to change.")
class ApiKeyUpdateInput:
    name: Maybe[str]
    scopes: Maybe[list[str]]
    expires_at: Maybe[datetime]


async def api_key_create(info: Info, input: Input[ApiKeyCreateInput]) -> ApiKeyCreatePayload | None:
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
    input: Input[ApiKeyUpdateInput],
    force: Force = False,
) -> Any:
    values = given(input)
    async with writing(info) as transaction:
        await keys.require_may_issue(info.context.session, transaction)
        key = await transaction.find(db.ApiKey, id)
        values = keys.checked(transaction, values)
        await transaction.edits.update(key, expected_version, values, force=force)
    return answer(payload_of(ApiKey, merges=True), key, transaction.edits.merged.get(key.id, ()))


async def api_key_revoke(info: Info, id: Id) -> Any:
    async with writing(info, None) as transaction:
        key = await keys.revoke(transaction, db.ApiKey, id)
    return answer(payload_of(ApiKey), key)


@strawberry.type
class Mutation:
    api_key_create = mutation(
        api_key_create,
        ApiKeyCreatePayload,
        "Create an API key of a service account. Requires an owner, with a recent authentication in"
        " a session or a token with the scope `admin`. All owners are notified by email.",
        scope="admin",
    )
    api_key_update = mutation(
        api_key_update,
        payload_of(ApiKey, merges=True),
        "Update an API key. It expires within a year of its creation. It requires the same"
        " authentication as `apiKeyCreate`.",
        scope="admin",
    )
    api_key_revoke = mutation(
        api_key_revoke,
        payload_of(ApiKey),
        "Revoke an API key permanently. The next request with it is refused.",
    )
