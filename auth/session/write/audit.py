"""The record of one change: actor, action, old and new values, and origin."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from auth.origin import Origin
from auth.policy.scopes import scopes_beneath
from auth.viewer import Viewer
from db.audit.personal import commit
from db.audit.risk import MASS_DELETION, assess
from db.base import Entity
from db.change import PERSONAL_DATA, AuditEventType, AuditSeverity
from db.durations import duration_text
from db.fields import personal, secrets
from db.traits import ResourceType

SOC2 = {"create": "PI1.3", "update": "PI1.3", "delete": "C1.2", "restore": "PI1.3"}
"""Trust services criteria (AICPA TSC 2017) that a change of content is evidence for."""

WATCHED = "CC7.2"
"""The criterion that changes of alerts are evidence for."""

ABOUT_ACCESS = frozenset(
    {
        ResourceType.MEMBER,
        ResourceType.INVITATION,
        ResourceType.ROLE,
        ResourceType.OAUTH_CLIENT,
        ResourceType.TOKEN,
        ResourceType.ACCESS_REVIEW,
    }
)
"""Resources whose changes are changes of access (CC6.3)."""

ROLES = frozenset({ResourceType.MEMBER, ResourceType.ROLE})
"""Resources that are roles of people: each of their changes changes permissions."""


def record(
    viewer: Viewer,
    origin: Origin,
    action: str,
    row: Entity,
    old: dict[str, Any],
    new: dict[str, Any],
    *,
    version: int,
) -> dict[str, Any]:
    """Return the columns of the event of this change, for JSON.

    `version` is the row's version after it. Personal values stand beside it, as `salt` and `data`
    (`PersonalData`), and the event has their digest.
    """
    scopes = scopes_beneath(type(row), row)
    kept = personal(type(row)) & new.keys()
    hidden = secrets(type(row)) | kept
    beside: dict[str, Any] = {}
    details = acting(viewer)
    if kept:
        both = ({name: values[name] for name in kept & values.keys()} for values in (old, new))
        committed = commit(*map(recorded, both))
        beside = {"salt": committed.salt, "data": committed.data}
        details[PERSONAL_DATA] = committed.digest
    event = {
        **shared(viewer, origin, action, type(row)),
        "id": uuid7(),
        "organization_id": scopes.get("organization_id"),
        "project_id": scopes.get("project_id"),
        "document_id": scopes.get("document_id"),
        "entity_id": row.id,
        "resource_id": row.id,
        "user_id": getattr(row, "user_id", None),
        "version": version,
        "changed_fields": sorted(new),
        "details": details,
        "old_data": recorded(_without(hidden, old)),
        "new_data": recorded(_without(hidden, new)),
        **beside,
    }
    return event | assess(event)


def shared(viewer: Viewer, origin: Origin, action: str, model: type[Entity]) -> dict[str, Any]:
    """Return the columns that all events of one action on rows of a model share, unassessed."""
    resource = model.traits.resource
    about_access = resource in ABOUT_ACCESS
    return {
        "metadata": {},  # never null
        "entity_type": model.__name__,
        "resource_type": resource.value,
        "action": action,
        "details": acting(viewer),
        "event_type": (
            AuditEventType.PERMISSION_CHANGE if resource in ROLES else AuditEventType(action)
        ).value,
        "severity": (AuditSeverity.MEDIUM if about_access else AuditSeverity.LOW).value,
        "soc2_control": _control(resource, action),
        **circumstances(viewer, origin),
    }


def _control(resource: ResourceType, action: str) -> str:
    if resource is ResourceType.AUDIT_ALERT:
        return WATCHED
    return "CC6.3" if resource in ABOUT_ACCESS else SOC2[action]


def moved(
    viewer: Viewer, origin: Origin, model: type[Entity], old: dict[str, Any], new: dict[str, Any]
) -> dict[str, Any]:
    """Return the columns that the events of moved rows of a model share."""
    event = {
        **shared(viewer, origin, "update", model),
        "changed_fields": sorted(new),
        "old_data": recorded(old),
        "new_data": recorded(new),
    }
    return event | assess(event)


def note_mass_deletion(events: Sequence[dict[str, Any]]) -> None:
    """Add the number of deletions to each of them, where a flush has as many as an indicator asks.

    They are assessed again.
    """
    deletions = [event for event in events if event["action"] == "delete"]
    if len(deletions) >= MASS_DELETION:
        for event in deletions:
            event["details"]["deleted"] = len(deletions)
            event.update(assess(event))


def acting(viewer: Viewer) -> dict[str, Any]:
    """Return the agents that act for the viewer, for the details of an event; none without any."""
    return {"actors": list(viewer.actors)} if viewer.actors else {}


def circumstances(viewer: Viewer, origin: Origin) -> dict[str, Any]:
    """Return the actor and the origin: the same for all changes of one request."""
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


JSON_TYPES = frozenset({str, int, float, bool, type(None)})


def _without(hidden: frozenset[str], values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in hidden}


def recorded(value: Any) -> Any:
    """Return a column's value as JSON, in the form of the API."""
    match value:
        case dict():  # which may be large: what is JSON already is passed by at once
            return {k: m if type(m) in JSON_TYPES else recorded(m) for k, m in value.items()}
        case list() | tuple():
            return [m if type(m) in JSON_TYPES else recorded(m) for m in value]
        case Enum():
            return value.value
        case UUID() | timedelta():
            return duration_text(value) if isinstance(value, timedelta) else str(value)
        case bytes() | datetime() | date():
            return rf"\x{value.hex()}" if isinstance(value, bytes) else value.isoformat()
        case _:
            return value
