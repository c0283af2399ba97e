"""Read the feed: events in their order, of everything or of one stream."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from db.feed.tables import Departed
from db.pool import Lent

COLUMNS = """
position, event_id, event_at, organization_id, project_id, document_id, sequence, departed,
entity_type, entity_id, action, version, changed_fields, actor_id, user_id, session_id, client_id,
correlation_id, resource_type, event_type, renumbered, row_project_id
"""
FOLLOWED: Mapping[str, str] = {
    "everything": "true",
    "organization": "organization_id = $4 AND departed IS NULL",
    "project": "project_id = $4"
    " AND (departed IS NULL OR departed IN ('project', 'linked_project'))",
    "document": "document_id = $4",
    "entity": "event_id = ANY (ARRAY(SELECT ctx.events_of($4, now() - interval '8 days')))"
    " AND departed IS NULL",
    "person": "event_id = ANY (ARRAY(SELECT ctx.notices_to($4, now() - interval '8 days')))",
}
"""The condition on events, by the kind of stream; $4 is the ID of what it follows."""
READ = {
    kind: f"SELECT {COLUMNS} FROM feed_events"  # noqa: S608 (ours)
    f" WHERE position > $1 AND position <= $2 AND {condition} ORDER BY position LIMIT $3"
    for kind, condition in FOLLOWED.items()
}


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the record in its place in the feed; ids and names, but no value of a row."""

    position: int
    event_id: UUID
    at: datetime
    organization_id: UUID | None
    project_id: UUID | None
    document_id: UUID | None
    sequence: int | None
    """Its number in the document, without gaps."""
    departed: Departed | None
    """The document or project that the row has left, in the event for followers of that; or that
    of the target of a link, whose row is elsewhere."""
    entity_type: str
    entity_id: UUID
    action: str
    version: int | None
    changed_fields: tuple[str, ...]
    actor_id: UUID | None
    user_id: UUID | None
    session_id: str | None
    client_id: str | None
    correlation_id: UUID | None
    resource_type: str | None
    event_type: str | None
    renumbered: bool
    row_project_id: UUID | None
    """The project of the row after the event, wherever the event is told."""
    via: UUID | None = None
    """The ancestor whose deletion or restoration has hidden or shown the row: no feed holds such
    events, they are derived from the event of the ancestor."""


async def read(
    connection: "asyncpg.Connection | Lent",
    kind: str,
    id: UUID | None,
    *,
    after: int,
    up_to: int,
    most: int,
) -> list[Event]:
    """Return the first `most` events of a stream after one position, up to another."""
    arguments: list[Any] = [after, up_to, most]
    if kind != "everything":
        arguments.append(id)
    return [_event(row) for row in await connection.fetch(READ[kind], *arguments)]


def _event(row: asyncpg.Record) -> Event:
    position, event_id, at, *middle = row
    organization, project, document, sequence, departed, *rest = middle
    type_, entity, action, version, changed, *about = rest
    return Event(
        position,
        event_id,
        at,
        organization,
        project,
        document,
        sequence,
        Departed(departed) if departed else None,
        type_,
        entity,
        action,
        version,
        tuple(changed),
        *about,
    )
