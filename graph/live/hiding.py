"""Rows that are hidden with a deleted row, and shown again with a restored one."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from auth.policy import in_token_scope
from auth.session.beneath import hides_in_place, key_beneath
from auth.viewer import Viewer
from db.base import Entity
from db.feed.reading import Event
from graph.core.changes import model_named
from graph.kit.node import NODES
from graph.kit.stream import Stream

MAX_BENEATH = 200
"""Rows hidden or shown with another that are sent one by one, at most; more are sent as RESYNC."""
SCOPES = frozenset({"organization", "project", "document"})
"""Kinds of streams that follow all that is beneath something."""


def held_by(stream: Stream, viewer: Viewer, event: Event) -> list[type[Entity]]:
    """Return the models whose rows a stream is sent one by one when an event hides or shows them.

    Empty where it is sent the event itself, or follows nothing beneath the event's row.
    """
    if event.action not in ("delete", "restore") or stream.kind not in SCOPES:
        return []
    if stream.types is None or event.entity_type in stream.types or event.entity_id == stream.id:
        return []
    ancestor = model_named(event.entity_type)
    if ancestor is None or event.departed:
        return []
    return [
        model
        for model in NODES
        if model.__name__ in stream.types
        and key_beneath(model, ancestor)
        and in_token_scope(viewer, "read", model)
    ]


def each_of(event: Event, rows: Sequence[tuple[type[Entity], UUID, int]]) -> list[Event]:
    """Return the event as it is sent for each row that it hides or shows."""
    return [
        replace(
            event,
            entity_type=model.__name__,
            entity_id=id,
            version=version,
            changed_fields=(),
            user_id=None,
            via=event.entity_id,
        )
        for model, id, version in rows
    ]


def may_hide(stream: Stream, event: Event) -> bool:
    """Return whether the event may have hidden the row that is followed.

    A deleted project or organization is left out: all rights are loaded again.
    """
    if event.action != "delete" or event.departed:
        return False
    if event.entity_id == stream.id:
        return stream.kind in ("document", "entity")
    return stream.kind == "entity" and hides_in_place(event.entity_type)


def hidden(stream: Stream, event: Event) -> Event:
    """Return the event as it is sent to followers of a row that it has hidden."""
    assert stream.entity_type  # noqa: S101 (one row is followed)
    return replace(
        event,
        entity_type=stream.entity_type,
        entity_id=stream.id,
        version=None,
        changed_fields=(),
        via=event.entity_id,
    )
