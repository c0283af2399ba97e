"""Events of security of an organization, and their resolution."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry import UNSET, Maybe

from db.core.organizations import Organization as OrganizationRow
from db.core.people import Profile as ProfileRow
from db.delivery import security as db
from db.delivery.security import SecurityEventSeverity
from db.problem import Problem
from db.traits import ResourceType
from graph.core.organizations import Organization
from graph.core.people import Authored, Profile
from graph.delivery.references import references
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import Id, by_id, computed, described, extend_type, to_one
from graph.kit.inputs import filter_input, input_for, order_input
from graph.kit.mutations import ExpectedVersion, create, mutation, update, writing
from graph.kit.node import Node
from graph.kit.payloads import answer, payload_of

describe_enum(
    SecurityEventSeverity,
    "The severity of an event of security, from lowest to highest.",
    {
        "INFO": "The event is for information.",
        "LOW": "Low severity.",
        "MEDIUM": "Medium severity.",
        "HIGH": "High severity.",
        "CRITICAL": "Critical severity.",
    },
)
Notes = Annotated[str, strawberry.argument(description="The notes about the resolution.")]


@strawberry.type(description="An event that concerns the security of an organization.")
class SecurityEvent(Authored, Node):
    model = db.SecurityEvent

    event_type: str = described("The kind of the event, such as `failed_login`.")
    severity: SecurityEventSeverity = described("The severity of the event.")
    description: str = described("The description of the event.")
    user_agent: str | None = described("The header `User-Agent` of the request.")
    resource_type: ResourceType | None = described("The kind of resource that the event concerns.")
    resource_id: UUID | None = described("The ID of the resource that the event concerns.")
    resolved: bool = described("Whether the event is resolved.")
    resolved_at: datetime | None = described("The date and time of the resolution.")
    resolution_notes: str | None = described("The notes about the resolution.")
    investigation_notes: str | None = described("The notes about the investigation.")
    organization_id: UUID = described("The ID of the organization of the event.")
    user: Profile | None = to_one(
        "user_id", ProfileRow, Profile, "The user whom the event concerns, if any."
    )
    resolved_by: Profile | None = to_one(
        "resolved_by", ProfileRow, Profile, "The administrator who resolved the event."
    )

    @computed("ip_address", text="The IP address of the request; null if it is not known.")
    def ip_address(root: strawberry.Parent[Any]) -> str | None:  # noqa: N805
        return str(root.ip_address) if root.ip_address else None


SecurityEventFilterInput = filter_input(
    SecurityEvent,
    *("id", "organization_id", "event_type", "severity", "user_id", "resource_type"),
    *("resource_id", "resolved", "created_at", "updated_at"),
)
SecurityEventOrderInput = order_input(SecurityEvent, "severity", "created_at", "updated_at")


@input_for(SecurityEvent, "An event of security to report.")
class SecurityEventCreateInput:
    organization_id: UUID
    event_type: str
    severity: SecurityEventSeverity
    description: str
    user_id: UUID | None = UNSET
    user_agent: str | None = UNSET
    resource_type: ResourceType | None = UNSET
    resource_id: UUID | None = UNSET


@input_for(SecurityEvent, "The fields of an event of security to change.")
class SecurityEventUpdateInput:
    severity: Maybe[SecurityEventSeverity]
    investigation_notes: Maybe[str | None]


async def resolve(info: Info, id: Id, expected_version: ExpectedVersion, notes: Notes) -> Any:
    async with writing(info, None) as transaction:
        event = await transaction.find(db.SecurityEvent, id)
        transaction.rights.require("update", event)
        if event.resolved:
            raise Problem("INVALID", "The event is resolved already.", field=["id"])
        resolved: Any = {
            "resolved": True,
            "resolved_at": transaction.now,
            "resolved_by": transaction.person,
            "resolution_notes": notes,
        }
        transaction.change(event, expected_version, **resolved)
    return answer(payload_of(SecurityEvent), event)


def _events(key: str | None, text: str) -> Any:
    return connection(
        db.SecurityEvent,
        SecurityEvent,
        SecurityEventFilterInput,
        SecurityEventOrderInput,
        text,
        key=key,
    )


extend_type(
    Organization,
    security_events=_events("organization_id", "The events of security, which administrators see."),
)


@strawberry.type
class Query:
    security_event = by_id(
        db.SecurityEvent, SecurityEvent, "Look up an event of security by its ID."
    )
    security_events = _events(None, "List events of security that the viewer can read.")


@strawberry.type
class Mutation:
    security_event_create = create(
        SecurityEvent,
        SecurityEventCreateInput,
        "Report an event of security to an organization.",
        within=(OrganizationRow, "organization_id"),
        prepare=references({}, ("user_id",)),
    )
    security_event_update = update(
        SecurityEvent, SecurityEventUpdateInput, "Update an event of security."
    )
    security_event_resolve = mutation(
        resolve, payload_of(SecurityEvent), "Resolve an event of security."
    )
