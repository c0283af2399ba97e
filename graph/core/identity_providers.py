"""Identity providers of organizations: set up, enforced and removed by owners."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from uuid_utils.compat import uuid7

from auth.accounts import keys, owner_mail, second_factor
from auth.session import Transaction
from db.core import organizations as db
from db.core.domains import OrganizationDomain as DomainRow
from db.core.identity_providers import IdentityProvider as ProviderRow
from db.problem import Problem
from graph.core.organizations import Organization
from graph.core.people import Authored
from graph.kit.connection import connection
from graph.kit.context import Context, Info
from graph.kit.fields import Id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import (
    ExpectedVersion,
    Force,
    Input,
    given,
    mutation,
    writing,
)
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of

PROOF = "Requires an owner, and the same authentication as `apiKeyCreate`."
SECRET = (
    "The secret of the client, which is stored encrypted and never returned; null for a public"  # noqa: S105 (a description)
    " client."
)
DESPITE = "Whether to remove the provider although it is enforced."
NO_DOMAIN = "Verify a domain of the organization before single sign-on is enforced."
NO_SECOND_FACTOR = (
    "Turn on a second factor first: owners with one can still sign in when the identity provider"
    " does not work."
)
ENFORCED = (
    "Users are required to sign in at this identity provider. Allow passwords first, or set"
    " `force`."
)
NOT_TESTED = "Sign in at the identity provider once, on the page /single-sign-on."


@strawberry.type(
    description="The OpenID Connect provider at which the members of an organization sign in."
)
class IdentityProvider(Authored, Node):
    model = ProviderRow

    name: str = described("The name of the provider, as users see it when they sign in.")
    issuer: str = described("The issuer of the provider, whose discovery document is read.")
    client_id: str = described("The client ID of the gateway at the provider.")
    is_enforced: bool = described(
        "Whether users of the verified domains of the organization can sign in only at the"
        " provider. Owners with a second factor can still use their password and a code."
    )
    tested_at: datetime | None = described(
        "The date and time when an owner last signed in at the provider to test it; null if none"
        " has. Until then, it is not offered to users."
    )
    organization: Organization | None = to_one(
        "organization_id", db.Organization, Organization, "The organization of the provider."
    )

    @computed("id", text="The redirect URI of the gateway, to be registered at the provider.")
    def redirect_uri(root: strawberry.Parent[Any], info: Info) -> str:  # noqa: N805
        return info.context.sso.redirect_uri(root.id)

    @computed("id", text="The back-channel logout URI of the gateway, to be registered there.")
    def logout_uri(root: strawberry.Parent[Any], info: Info) -> str:  # noqa: N805
        return info.context.sso.logout_uri(root.id)

    @computed(
        "id",
        text="The post-logout redirect URI of the gateway, to be registered there. Users who sign"
        " out of the gateway are signed out of the provider, if it has an end session endpoint.",
    )
    def post_logout_redirect_uri(root: strawberry.Parent[Any], info: Info) -> str:  # noqa: N805
        return info.context.sso.post_logout_redirect_uri(root.id)


extend_type(
    Organization,
    identity_providers=connection(
        ProviderRow,
        IdentityProvider,
        filter_input(IdentityProvider, "id", "name", "is_enforced", "created_at"),
        order_input(IdentityProvider, "name", "created_at", "updated_at"),
        "The identity providers of the organization, at most one; empty for viewers who are not"
        " administrators.",
        key="organization_id",
    ),
)


@input_for(IdentityProvider, "An identity provider to set up.")
class IdentityProviderCreateInput:
    organization_id: UUID
    name: str
    issuer: str
    client_id: str
    client_secret: str | None = strawberry.field(default=UNSET, description=SECRET)


@input_for(IdentityProvider, "The fields of an identity provider to change.")
class IdentityProviderUpdateInput:
    name: Maybe[str]
    issuer: Maybe[str]
    client_id: Maybe[str]
    client_secret: Maybe[str | None] = strawberry.field(description=SECRET)
    is_enforced: Maybe[bool]


async def identity_provider_create(info: Info, input: Input[IdentityProviderCreateInput]) -> Any:
    context, values = info.context, given(input)
    secret, id = values.pop("client_secret", None), uuid7()
    async with writing(info) as transaction:
        await keys.require_may_issue(context.session, transaction)
        await transaction.find(
            db.Organization, values["organization_id"], lock=False, field=["organization_id"]
        )
        row = ProviderRow(id=id, **values, client_secret=_sealed(context, id, secret))
        transaction.require_create(row)
        await context.sso.providers.discover(row.issuer)
        transaction.add(row)
    _tell(info, row, "set up")
    return answer(payload_of(IdentityProvider), row)


async def identity_provider_update(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    input: Input[IdentityProviderUpdateInput],
    force: Force = False,
) -> Any:
    context, values = info.context, given(input)
    async with writing(info) as transaction:
        await keys.require_may_issue(context.session, transaction)
        row = await transaction.find(ProviderRow, id)
        transaction.require_update(row, {})
        has_secret = "client_secret" in values
        secret = values.pop("client_secret", None)
        moves = has_secret or any(  # no one can tell whether a secret is another one
            name in values and values[name] != getattr(row, name)
            for name in ("issuer", "client_id")
        )
        if moves:
            if values.get("is_enforced"):
                raise Problem("INVALID", NOT_TESTED, field=["is_enforced"])
            await context.sso.providers.discover(values.get("issuer", row.issuer))
            values |= {"tested_at": None, "is_enforced": False}
        if values.get("is_enforced") and not row.is_enforced:
            await _require_enforceable(context, transaction, row)
        await transaction.edits.update(row, expected_version, values, force=force)
        if has_secret:
            row.client_secret = _sealed(context, row.id, secret)
    _tell(info, row, "changed")
    versions = transaction.edits.merged.get(row.id, ())
    return answer(payload_of(IdentityProvider, merges=True), row, versions)


async def identity_provider_delete(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    force: Annotated[bool, strawberry.argument(description=DESPITE)] = False,
) -> Any:
    async with writing(info, None) as transaction:
        await keys.require_may_issue(info.context.session, transaction)
        row = await transaction.find(ProviderRow, id)
        await transaction.edits.delete(row, expected_version)
        if row.is_enforced and not force:
            raise Problem("INVALID", ENFORCED, field=["force"])
    _tell(info, row, "removed")
    return answer(payload_of(IdentityProvider), row)


async def _require_enforceable(
    context: Context, transaction: Transaction, row: ProviderRow
) -> None:
    """Raise INVALID unless enforcing locks nobody out for good."""
    if row.tested_at is None:
        raise Problem("INVALID", NOT_TESTED, field=["is_enforced"])
    verified = (
        DomainRow.organization_id == row.organization_id,
        DomainRow.verified_at.is_not(None),
    )
    if not await transaction.find_all(DomainRow, *verified, lock=False, limit=1):
        raise Problem("INVALID", NO_DOMAIN, field=["is_enforced"])
    if await second_factor.state(context.session.database, transaction.person) is None:
        raise Problem("INVALID", NO_SECOND_FACTOR, field=["is_enforced"])


def _sealed(context: Context, id: UUID, secret: str | None) -> bytes | None:
    return context.sso.sealed(id, secret) if secret else None


def _tell(info: Info, row: ProviderRow, did: str) -> None:
    details: Mapping[str, object] = {
        "did": did,
        "name": row.name,
        "issuer": row.issuer,
        "enforced": row.is_enforced and row.deleted_at is None,
    }
    session, outbox = info.context.session, info.context.outbox
    owner_mail.tell(session, outbox, "identity_provider", row.organization_id, None, **details)


@strawberry.type
class Mutation:
    identity_provider_create = mutation(
        identity_provider_create,
        payload_of(IdentityProvider),
        "Set up the identity provider of an organization. It is offered to users once an owner has"
        f" signed in there on the page /single-sign-on. {PROOF}",
        scope="admin",
    )
    identity_provider_update = mutation(
        identity_provider_update,
        payload_of(IdentityProvider, merges=True),
        "Update an identity provider. Another issuer, client or secret has to be tested again;"
        f" until then, the provider is neither offered to users nor enforced. {PROOF}",
        scope="admin",
    )
    identity_provider_delete = mutation(
        identity_provider_delete,
        payload_of(IdentityProvider),
        "Remove an identity provider permanently. Users sign in with their passwords again; those"
        " without one set it by mail. A provider that is enforced is removed only with `force`."
        f" {PROOF}",
        scope="admin",
    )
