"""The record of one change: who, what, old and new values, and from where."""

from datetime import date, datetime, timedelta
from enum import Enum
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from auth.policy.scopes import scopes_beneath
from auth.session.origin import Origin
from auth.viewer import Viewer
from db.base import Entity
from db.change import AuditEventType, AuditLog, AuditSeverity, ResourceType

SOC2 = {"create": "PI1.3", "update": "PI1.3", "delete": "C1.2", "restore": "PI1.3"}
"""Trust services criteria (AICPA TSC 2017) that a change of content is evidence for."""

RESOURCES = {
    "profiles": ResourceType.USER,
    "organizations": ResourceType.ORGANIZATION,
    "organization_members": ResourceType.MEMBER,
    "organization_invitations": ResourceType.INVITATION,
    "organization_clients": ResourceType.OAUTH_CLIENT,
    "project_members": ResourceType.ROLE,
    "user_roles": ResourceType.ROLE,
    "projects": ResourceType.PROJECT,
    "documents": ResourceType.DOCUMENT,
    "blocks": ResourceType.BLOCK,
    "properties": ResourceType.PROPERTY,
    "columns": ResourceType.COLUMN,
    "requirements": ResourceType.REQUIREMENT,
    "test_req": ResourceType.TEST,
    "requirement_tests": ResourceType.TEST_EXECUTION,
    "test_matrix_views": ResourceType.TEST_MATRIX_VIEW,
    "assignments": ResourceType.ASSIGNMENT,
    "trace_links": ResourceType.TRACE_LINK,
    "excalidraw_diagrams": ResourceType.DIAGRAM,
    "diagram_element_links": ResourceType.DIAGRAM,
    "react_flow_diagrams": ResourceType.DIAGRAM,
    "baselines": ResourceType.BASELINE,
    "api_keys": ResourceType.TOKEN,
    "personal_tokens": ResourceType.TOKEN,
    "external_documents": ResourceType.EXTERNAL_DOCUMENT,
    "notifications": ResourceType.NOTIFICATION,
    "stripe_customers": ResourceType.BILLING,
    "billing_cache": ResourceType.BILLING,
}

ABOUT_ACCESS = frozenset(
    {
        ResourceType.MEMBER,
        ResourceType.INVITATION,
        ResourceType.ROLE,
        ResourceType.OAUTH_CLIENT,
        ResourceType.TOKEN,
    }
)
"""Whose changes are changes of access (CC6.3)."""


SECRETS = frozenset({"token", "key_hash"})
"""Columns whose values would let a reader of the record act as somebody else."""


def record(
    viewer: Viewer,
    origin: Origin,
    action: str,
    row: Entity,
    old: dict[str, Any],
    new: dict[str, Any],
    *,
    version: int,
) -> AuditLog:
    """The event of this change; `version` is the row's after it."""
    resource = RESOURCES[row.__tablename__]
    about_access = resource in ABOUT_ACCESS
    scopes = scopes_beneath(type(row), row)
    return AuditLog(
        organization_id=scopes.get("organization_id"),
        project_id=scopes.get("project_id"),
        document_id=scopes.get("document_id"),
        entity_id=row.id,
        entity_type=type(row).__name__,
        resource_type=resource,
        resource_id=row.id,
        action=action,
        user_id=getattr(row, "user_id", None),
        version=version,
        changed_fields=sorted(new),
        old_data=recorded(_without_secrets(old)),
        new_data=recorded(_without_secrets(new)),
        event_type=AuditEventType(action),
        severity=AuditSeverity.MEDIUM if about_access else AuditSeverity.LOW,
        soc2_control="CC6.3" if about_access else SOC2[action],
        **circumstances(viewer, origin),
    )


def circumstances(viewer: Viewer, origin: Origin) -> dict[str, Any]:
    """Who did something, and from where: the same of all that one request changes."""
    return {
        "actor_id": viewer.id,
        "session_id": viewer.session_id,
        "client_id": viewer.client_id,
        "request_id": origin.request_id,
        "ip_address": ip_address(origin.ip_address) if origin.ip_address else None,
        "user_agent": origin.user_agent,
        "source_system": origin.source,
        "correlation_id": origin.correlation_id,
    }


def _without_secrets(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in SECRETS}


def recorded(value: Any) -> Any:
    """A column's value as JSON, the way the API shows it."""
    match value:
        case dict():
            return {key: recorded(member) for key, member in value.items()}
        case list() | tuple():
            return [recorded(member) for member in value]
        case Enum():
            return value.value
        case UUID() | timedelta():
            return str(value)
        case bytes() | datetime() | date():
            return rf"\x{value.hex()}" if isinstance(value, bytes) else value.isoformat()
        case _:
            return value
