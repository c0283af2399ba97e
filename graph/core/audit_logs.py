"""The audit log of an organization or a project, for its administrators."""

from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from auth.policy import ENTITIES, allows
from db.change import IP_ADDRESS, AuditEventType, AuditLog, AuditSeverity
from db.core.people import Profile as ProfileRow
from db.core.projects import Project as ProjectRow
from db.traits import ResourceType
from graph.core.organizations import Organization
from graph.core.people import Profile
from graph.core.projects import Project
from graph.kit.connection import connection
from graph.kit.context import Info
from graph.kit.enums import describe_enum
from graph.kit.fields import computed, described, extend_type, to_one
from graph.kit.filters import StringFilterInput
from graph.kit.history import FIELDS, FieldChange, changes_of
from graph.kit.inputs import filter_input, order_input
from graph.kit.node import NODES, Node
from graph.kit.scalars import BigInt

describe_enum(
    AuditEventType,
    "The type of an event of the audit log.",
    {
        "CREATE": "An object was created.",
        "UPDATE": "An object was changed.",
        "DELETE": "An object was deleted or purged.",
        "RESTORE": "A deleted object was restored.",
        "LOGIN": "A user signed in.",
        "LOGIN_FAILED": "A sign-in failed.",
        "LOGOUT": "A user signed out.",
        "ACCESS_DENIED": "A request was refused.",
        "PERMISSION_CHANGE": "A role was given, changed or taken, or an access was granted.",
        "EXPORT": "Data was exported, or an operation read many rows.",
        "IMPORT": "Data was imported.",
        "ADMINISTRATION": "Credentials, accounts or the gateway were administrated.",
        "SYSTEM": "The gateway acted by itself.",
    },
)
describe_enum(
    AuditSeverity,
    "The severity of an event of the audit log, lowest first.",
    {
        "LOW": "An ordinary event.",
        "MEDIUM": "An event that concerns access or deletion.",
        "HIGH": "An event that an administrator should look at.",
        "CRITICAL": "An event that requires action.",
    },
)
_NOUNS = {
    "OAUTH_CLIENT": "An application.",
    "TOKEN": "A token or API key.",
    "ROLE": "A role of a user.",
    "TEST": "A test case.",
    "BILLING": "The billing of an organization.",
}
describe_enum(
    ResourceType,
    "The kind of resource that an event of the audit log concerns.",
    {
        name: _NOUNS.get(
            name, f"{'An' if name[0] in 'AEIO' else 'A'} {name.lower().replace('_', ' ')}."
        )
        for name in ResourceType.__members__
    },
)


@strawberry.enum(description="The outcome of an event.")
class AuditOutcome(Enum):
    SUCCESS = strawberry.enum_value("success", description="The action was carried out.")
    FAILURE = strawberry.enum_value("failure", description="The action was refused or failed.")


FAILED = (AuditEventType.LOGIN_FAILED, AuditEventType.ACCESS_DENIED)


@strawberry.type(description="An event of the audit log. Events are never changed.")
class AuditEvent:
    id: UUID = described("The ID of the event.")
    created_at: datetime = described("The date and time of the event.")
    action: str = described("The action, such as `create`, `update` or `purge`.")
    event_type: AuditEventType | None = described("The type of the event.")
    severity: AuditSeverity = described("The severity of the event.")
    risk_level: str | None = described(
        "The risk of the event: `low`, `medium`, `high` or `critical`. It is the highest of the"
        " severity and of the levels of `threatIndicators`."
    )
    threat_indicators: list[str] = described(
        "The rules that the event met, such as `rights_raised` or `mass_deletion`."
    )
    compliance_category: str | None = described(
        "The category of the control, such as `access_control`."
    )
    soc2_control: str | None = described(
        "The control of SOC 2 that the event is evidence for, such as `CC6.3`.", name="soc2Control"
    )
    resource_type: ResourceType | None = described("The kind of resource that the event concerns.")
    entity_type: str = described("The type of the object that the event concerns.")
    entity_id: UUID = described("The ID of the object that the event concerns.")
    version: BigInt | None = described("The version of the object after the event.")
    organization_id: UUID | None = described("The ID of the organization of the event.")
    project_id: UUID | None = described("The ID of the project of the event, if any.")
    document_id: UUID | None = described("The ID of the document of the event, if any.")
    client_id: str | None = described(
        "The client ID of the application that acted; null for a session or a key."
    )
    session_id: str | None = described("The ID of the session, token or key that was used.")
    request_id: str | None = described("The ID of the request.")
    correlation_id: UUID | None = described("The ID that all events of one request have in common.")
    user_agent: str | None = described("The header `User-Agent` of the request.")
    source_system: str | None = described(
        "The part of the gateway that recorded the event, such as `api` or `cli`."
    )
    description: str | None = described("The description of the event, if it changes no object.")
    details: JSON = described("Further details of the event.")
    actor: Profile | None = to_one(
        "actor_id",
        ProfileRow,
        Profile,
        "The user or service account that acted; null for the system, and for those who have left.",
    )
    user: Profile | None = to_one(
        "user_id", ProfileRow, Profile, "The user whom the event concerns, if any."
    )
    project: Project | None = to_one(
        "project_id",
        ProjectRow,
        Project,
        "The project of the event; null if there is none or it was deleted.",
    )

    @computed("ip_address", text="The IP address of the request; null if it is not known.")
    def ip_address(root: strawberry.Parent[Any]) -> str | None:  # noqa: N805
        return str(root.ip_address) if root.ip_address else None

    @computed("event_type", text="Whether the action was carried out.")
    def outcome(root: strawberry.Parent[Any]) -> AuditOutcome:  # noqa: N805
        return AuditOutcome.FAILURE if root.event_type in FAILED else AuditOutcome.SUCCESS

    @computed("changed_fields", text="The names of the fields that were changed.")
    def changed_fields(root: strawberry.Parent[Any]) -> list[str]:  # noqa: N805
        return [to_camel_case(name) for name in root.changed_fields]

    @computed(
        "organization_id",
        "project_id",
        "document_id",
        "user_id",
        "entity_id",
        "entity_type",
        "changed_fields",
        "old_data",
        "new_data",
        text="The fields that were changed, with their values before and after. It is empty for"
        " objects that only their owner can read, such as notifications. The ID and type of an"
        " object that the viewer cannot read are null.",
        metadata={"largest_page": FIELDS},
    )
    async def changes(root: strawberry.Parent[Any], info: Info) -> list[FieldChange]:  # noqa: N805
        model = ENTITIES.get(root.entity_type)
        if model is None or not allows(info.context.viewer, "read", model, _Place(root)):
            return []
        return await changes_of(root, info.context)

    @computed(
        "entity_type",
        "entity_id",
        text="The object that the event concerns; null if it was deleted, has no type in the API,"
        " or the viewer cannot read it.",
    )
    async def entity(root: strawberry.Parent[Any], info: Info) -> Node | None:  # noqa: N805
        model = ENTITIES.get(root.entity_type)
        return await info.context.one(model, root.entity_id) if model in NODES else None  # type: ignore[return-value]


class _Place:
    """The place of the object of an event, as the policy asks for it."""

    def __init__(self, event: Any) -> None:
        self.organization_id, self.project_id = event.organization_id, event.project_id
        self.document_id, self.user_id = event.document_id, event.user_id
        self.id, self.service_of = event.entity_id, event.organization_id


AuditEventFilterInput = filter_input(
    AuditEvent,
    "id",
    "created_at",
    "action",
    "event_type",
    "severity",
    "risk_level",
    "threat_indicators",
    "compliance_category",
    "soc2_control",
    "resource_type",
    "entity_type",
    "entity_id",
    "project_id",
    "document_id",
    "actor_id",
    "user_id",
    "client_id",
    "session_id",
    "correlation_id",
    "ip_address",
    "source_system",
    model=AuditLog,
    comparisons={"ip_address": StringFilterInput},
    expressions={"ip_address": IP_ADDRESS},
)
AuditEventOrderInput = order_input(AuditEvent, "created_at")


def audit_logs(key: str, text: str) -> Any:
    """Return the connection of the events whose column `key` names the parent."""
    return connection(
        AuditLog,
        AuditEvent,
        AuditEventFilterInput,
        AuditEventOrderInput,
        text,
        key=key,
        newest_first=True,
    )


extend_type(
    Organization,
    audit_logs=audit_logs(
        "organization_id",
        "The audit log of the organization, newest first. For viewers who are not administrators of"
        " the organization, only the events in projects and documents that they administrate.",
    ),
)
extend_type(
    Project,
    audit_logs=audit_logs(
        "project_id",
        "The audit log of the project, newest first; for viewers who are not administrators of the"
        " project, only the events in documents that they administrate.",
    ),
)
