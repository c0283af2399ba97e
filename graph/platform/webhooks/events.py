"""Types of events as endpoints name them, and events as they are stored and sent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import orjson

from db.core.notifications import Notification
from db.core.webhooks import WebhookDelivery
from db.feed.reading import Event
from db.feed.tables import Departed
from db.problem import Problem
from graph.core.changes import ChangeKind, changed_fields_of, kind_of, model_named
from graph.kit.entity_types import label_of
from graph.kit.node import NODES

KINDS = (
    ChangeKind.CREATED,
    ChangeKind.UPDATED,
    ChangeKind.DELETED,
    ChangeKind.RESTORED,
    ChangeKind.MOVED,
)
IDS = frozenset(
    {
        *("event_id", "organization_id", "project_id", "document_id", "entity_id", "actor_id"),
        *("user_id", "correlation_id", "row_project_id", "via"),
    }
)


@cache
def subjects() -> frozenset[str]:
    """Return the first part of each type of event: the types of objects, in lower case."""
    unsent = (Notification, WebhookDelivery)
    return frozenset(label_of(model).lower() for model in NODES if model not in unsent)


def type_of(event: Event) -> str | None:
    """Return the type of an event, such as `requirement.updated`; None if none is sent of it."""
    model = model_named(event.entity_type)
    if model is None or (subject := label_of(model).lower()) not in subjects():
        return None
    return f"{subject}.{kind_of(event).value}"


def checked_types(types: Iterable[str], field: str) -> list[str]:
    """Return these types of events, each once. Raises INVALID for the first unknown one."""
    kinds = {"*", *(kind.value for kind in KINDS)}
    found = list(dict.fromkeys(types))
    for place, each in enumerate(found):
        subject, _, kind = each.partition(".")
        if subject not in subjects() or kind not in kinds:
            message = (
                f"There is no event type {each[:100]!r}. Types are `SUBJECT.KIND`, where KIND is"
                f" {', '.join(sorted(map(str, kinds)))}."
            )
            known = sorted(subjects())
            raise Problem("INVALID", message, field=[field, place], known=known)
    return found


def is_wanted(types: Sequence[str], event_type: str) -> bool:
    """Return whether an endpoint with these types is sent events of this type; all if none."""
    subject = event_type.partition(".")[0]
    return not types or event_type in types or f"{subject}.*" in types


def stored(event: Event) -> Mapping[str, Any]:
    """Return the event as the queue stores it."""
    return asdict(event)


def restored(stored: Mapping[str, Any]) -> Event:
    """Return the event that was stored."""
    values: dict[str, Any] = {
        name: UUID(value) if name in IDS and value else value for name, value in stored.items()
    }
    values["at"] = datetime.fromisoformat(stored["at"])
    values["departed"] = Departed(stored["departed"]) if stored["departed"] else None
    values["changed_fields"] = tuple(stored["changed_fields"])
    return Event(**values)


def thin(event: Event, cursor: str) -> dict[str, Any]:
    """Return the data of a message about an event: names and IDs, and no value of the object."""
    model = model_named(event.entity_type)
    departed = event.departed is not None and not event.departed.is_linked
    return {
        "kind": kind_of(event).name,
        "entityType": label_of(model) if model else None,
        "entityId": event.entity_id,
        "version": event.version,
        "changedFields": changed_fields_of(event),
        "organizationId": event.organization_id,
        "projectId": event.project_id,
        "documentId": event.document_id,
        "sequence": event.sequence,
        "departed": departed,
        "actorId": event.actor_id,
        "correlationId": event.correlation_id,
        "cursor": cursor,
    }


def message(event_type: str, at: datetime, data: Mapping[str, Any]) -> str:
    """Return the body of a message."""
    content = {"type": event_type, "timestamp": at.astimezone(UTC), "data": data}
    return orjson.dumps(content, default=str, option=orjson.OPT_UTC_Z).decode()
