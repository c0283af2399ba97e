"""Webhook endpoints in the API: created, changed, tested, and given new secrets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe
from uuid_utils.compat import uuid7

from auth.session import Transaction
from db.core import webhooks as db
from db.core.organizations import Organization as OrganizationRow
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.core.webhooks import WebhookEndpointStatus
from db.problem import Problem
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.context import Context, Info
from graph.kit.enums import describe_enum
from graph.kit.fields import Id, by_id, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import (
    ExpectedVersion,
    Force,
    Input,
    delete,
    given,
    mutation,
    restore,
    writing,
)
from graph.kit.named import columns_named
from graph.kit.node import NODES, Node
from graph.kit.payloads import answer, payload_of
from graph.platform.webhooks.events import checked_types
from graph.platform.webhooks.signing import ROTATION, new_secret

MAX_ENDPOINTS = 100
"""Endpoints of an organization."""
SECRET = (
    "The secret by which the receiver verifies the signatures of messages. It is shown only once."  # noqa: S105 (a description)
)
describe_enum(
    WebhookEndpointStatus,
    "The status of a webhook endpoint.",
    {
        "ACTIVE": "Events are delivered.",
        "PAUSED": "An administrator has paused the endpoint. Events are kept for 7 days.",
        "DISABLED": "The gateway has disabled the endpoint, for `disabledReason`.",
    },
)


@strawberry.type(
    description="A URL to which events of an organization or a project are sent, signed as the"
    " Standard Webhooks specification says."
)
class WebhookEndpoint(Authored, Node):
    model = db.WebhookEndpoint

    name: str = described("The name of the endpoint.")
    url: str = described("The URL to which messages are sent.")
    project_id: UUID | None = described(
        "The ID of the project whose events are sent; null for all events of the organization."
    )
    event_types: list[str] = described(
        "The types of events that are sent, such as `requirement.updated` or `requirement.*`; all"
        " if empty."
    )
    fields: list[str] = described(
        "Updates are sent only if they change one of these fields; all if empty."
    )
    selection: str | None = described(
        "The fields of `ChangeEvent` that messages contain as `data.selection`, as a GraphQL"
        " selection in braces; null if messages only name the object."
    )
    scopes: list[str] | None = described(
        "The token scopes that limit what messages contain; null if none do."
    )
    status: WebhookEndpointStatus = described("The status of the endpoint.")
    disabled_reason: str | None = described("The reason why the gateway disabled the endpoint.")
    former_secret_expires_at: datetime | None = described(
        "The date and time until which messages are also signed with the former secret."
    )
    failing_since: datetime | None = described(
        "The date and time since which all deliveries have failed; null if the last one succeeded."
    )
    last_success_at: datetime | None = described(
        "The date and time when a delivery succeeded last, to the minute."
    )
    last_failure_at: datetime | None = described(
        "The date and time when a delivery failed last, to the minute."
    )
    organization: Organization | None = to_one(
        "organization_id", OrganizationRow, Organization, "The organization of the endpoint."
    )
    project: Project | None = to_one(
        "project_id",
        ProjectRow,
        Project,
        "The project whose events are sent; null for all events of the organization.",
    )
    service_account: Profile | None = to_one(
        "service_account_id",
        ProfileRow,
        Profile,
        "The service account whose access limits the events and the contents of messages.",
    )


WebhookEndpointFilterInput = filter_input(
    WebhookEndpoint,
    "id",
    "name",
    "url",
    "status",
    "project_id",
    "failing_since",
    "created_at",
)
WebhookEndpointOrderInput = order_input(WebhookEndpoint, "name", "created_at", "updated_at")


def _endpoints(key: str | None, text: str) -> Any:
    return connection(
        db.WebhookEndpoint,
        WebhookEndpoint,
        WebhookEndpointFilterInput,
        WebhookEndpointOrderInput,
        text,
        key=key,
    )


extend_type(
    Organization,
    webhook_endpoints=_endpoints(
        "organization_id", "The webhook endpoints of the organization and its projects."
    ),
)
extend_type(
    Project,
    webhook_endpoints=_endpoints("project_id", "The webhook endpoints of the project."),
)


@strawberry.type
class Query:
    webhook_endpoint = by_id(
        db.WebhookEndpoint, WebhookEndpoint, "Look up a webhook endpoint by its ID."
    )
    webhook_endpoints = _endpoints(
        None, "List the webhook endpoints that the viewer can administer."
    )


@input_for(WebhookEndpoint, "A webhook endpoint to create.")
class WebhookEndpointCreateInput:
    organization_id: UUID
    project_id: UUID | None = UNSET
    name: str
    url: str
    service_account_id: UUID
    event_types: list[str] | None = UNSET
    fields: list[str] | None = UNSET
    selection: str | None = UNSET


@input_for(WebhookEndpoint, "The fields of a webhook endpoint to change.")
class WebhookEndpointUpdateInput:
    name: Maybe[str]
    url: Maybe[str]
    service_account_id: Maybe[UUID]
    event_types: Maybe[list[str]]
    fields: Maybe[list[str]]
    selection: Maybe[str | None]
    status: Maybe[WebhookEndpointStatus]


@strawberry.type(description="The result of a mutation that creates a secret.")
class WebhookEndpointSecretPayload:
    webhook_endpoint: WebhookEndpoint = described("The webhook endpoint after the mutation.")
    secret: str = described(SECRET)


def narrowed(had: Sequence[str] | None, viewer_has: frozenset[str] | None) -> list[str] | None:
    """Return the scopes that both have: what one token writes reaches no further than another."""
    if viewer_has is None or "admin" in viewer_has:
        return None if had is None else list(had)
    if had is None:
        return sorted(viewer_has)
    return sorted(set(had) & viewer_has)


async def _checked(
    context: Context, transaction: Transaction, organization: UUID, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the columns. Raises NOT_FOUND and INVALID with the field at fault."""
    found = dict(values)
    if account_id := found.get("service_account_id"):
        field = ["service_account_id"]
        account = await transaction.find(ProfileRow, account_id, lock=False, field=field)
        if account.service_of != organization:
            raise Problem("NOT_FOUND", "There is no such service account.", field=field)
    if types := found.get("event_types"):
        found["event_types"] = checked_types(types, "event_types")
    if names := found.get("fields"):
        columns_named(names, list(NODES), "fields")
    if selection := found.get("selection"):
        if len(selection) > db.MAX_SELECTION_LENGTH:
            message = f"At most {db.MAX_SELECTION_LENGTH} characters."
            raise Problem("INVALID", message, field=["selection"])
        context.webhooks.require_selection(selection, ["selection"])
    if url := found.get("url"):
        await context.webhooks.require_url(url, ["url"])
    return found


async def webhook_endpoint_create(
    info: Info, input: Input[WebhookEndpointCreateInput]
) -> WebhookEndpointSecretPayload | None:
    values, context = given(input), info.context
    async with writing(info) as transaction:
        place = await _place(transaction, values)
        id, secret = uuid7(), new_secret()
        row = db.WebhookEndpoint(
            id=id,
            **{**values, **place},
            scopes=narrowed(None, context.viewer.scopes),
            secret=context.webhooks.sealed(id, secret),
        )
        transaction.require_create(row)
        values = await _checked(context, transaction, row.organization_id, values)
        row.event_types = values.get("event_types") or []
        context.session.show_secret()
        transaction.add(row)
        await transaction.flush()
        mine = db.WebhookEndpoint.organization_id == row.organization_id
        if len(await transaction.find_all(db.WebhookEndpoint, mine, limit=MAX_ENDPOINTS + 1)) > (
            MAX_ENDPOINTS
        ):
            message = f"An organization has at most {MAX_ENDPOINTS} webhook endpoints."
            raise Problem("INVALID", message, field=["organization_id"])
    return WebhookEndpointSecretPayload(webhook_endpoint=row, secret=secret)  # type: ignore[arg-type]


async def _place(transaction: Transaction, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the organization and the project. Raises NOT_FOUND and INVALID."""
    organization = await transaction.find(
        OrganizationRow, values["organization_id"], lock=False, field=["organization_id"]
    )
    if (project_id := values.get("project_id")) is None:
        return {"organization_id": organization.id, "project_id": None}
    project = await transaction.find(ProjectRow, project_id, lock=False, field=["project_id"])
    if project.organization_id != organization.id:
        message = "The project is in another organization."
        raise Problem("INVALID", message, field=["project_id"])
    return {"organization_id": organization.id, "project_id": project.id}


async def webhook_endpoint_update(
    info: Info,
    id: Id,
    expected_version: ExpectedVersion,
    input: Input[WebhookEndpointUpdateInput],
    force: Force = False,
) -> Any:
    values = given(input)
    if values.get("status") is WebhookEndpointStatus.DISABLED:
        message = "Only the gateway disables endpoints. Pause it instead."
        raise Problem("INVALID", message, field=["input", "status"])
    async with writing(info) as transaction:
        row = await transaction.find(db.WebhookEndpoint, id)
        values = await _checked(info.context, transaction, row.organization_id, values)
        if values.get("status"):
            values["disabled_reason"] = None
        scopes = narrowed(row.scopes, info.context.viewer.scopes)
        if scopes != row.scopes:
            values["scopes"] = scopes
        await transaction.edits.update(row, expected_version, values, force=force)
    versions = transaction.edits.merged.get(row.id, ())
    return answer(payload_of(WebhookEndpoint, merges=True), row, versions)


async def webhook_endpoint_secret_rotate(info: Info, id: Id) -> WebhookEndpointSecretPayload | None:
    context, secret = info.context, new_secret()
    async with writing(info, None) as transaction:
        row = await transaction.find(db.WebhookEndpoint, id)
        context.session.show_secret()
        transaction.change(row, None, former_secret_expires_at=transaction.now + ROTATION)
        row.secret = context.webhooks.sealed(row.id, secret)  # no request reads the one before
    return WebhookEndpointSecretPayload(webhook_endpoint=row, secret=secret)  # type: ignore[arg-type]


@strawberry.type
class Mutation:
    webhook_endpoint_create = mutation(
        webhook_endpoint_create,
        WebhookEndpointSecretPayload,
        "Create a webhook endpoint of an organization or a project. It is sent the events from now"
        " on that its service account can read. The scopes of the token limit it as well.",
    )
    webhook_endpoint_update = mutation(
        webhook_endpoint_update,
        payload_of(WebhookEndpoint, merges=True),
        "Update a webhook endpoint. One that becomes `ACTIVE` continues where it stopped, if that"
        " was within 7 days.",
    )
    webhook_endpoint_delete = delete(
        WebhookEndpoint, "Delete a webhook endpoint. Nothing more is sent to it."
    )
    webhook_endpoint_restore = restore(WebhookEndpoint, "Restore a deleted webhook endpoint.")
    webhook_endpoint_secret_rotate = mutation(
        webhook_endpoint_secret_rotate,
        WebhookEndpointSecretPayload,
        "Create a new secret of a webhook endpoint. For 24 hours, messages are signed with the"
        " former secret as well.",
    )
