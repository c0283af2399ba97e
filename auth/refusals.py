"""Events of refusals and large reads: at most one a minute for each viewer, with a count.

Attempts at forbidden operations are recorded, and a flood of them cannot fill the record: within a
minute of an event further ones are counted, and the next event holds their number. A process counts
them in memory, and asks the database for each viewer once a minute: large reads are answered
without a write.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import structlog

from auth.events import NOBODY_KNOWN, Event, record
from auth.origin import Origin
from auth.secret import keyed_digest
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.change import AuditEventType, AuditSeverity
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from db.traits import ResourceType

log = structlog.get_logger(__name__)

LARGE_READ = 1_000
"""Rows of one operation, at least, to be recorded as a large read."""

MINUTE = 60.0
"""Seconds for which a process counts further ones in memory."""
MAX_COUNTED = 10_000
"""Viewers and kinds of event that a process counts at a time; the oldest are dropped first."""

# The row of a count holds how many were counted after its last event, and the time of that.
COUNT = """
WITH before AS (SELECT level FROM sign_in_attempts WHERE subject = $1)
INSERT INTO sign_in_attempts AS a (subject, level, counted_at) VALUES ($1, 0, now())
ON CONFLICT (subject) DO UPDATE SET
    level = CASE WHEN a.counted_at < now() - interval '1 minute' THEN 0 ELSE a.level + 1 + $2 END,
    counted_at = CASE WHEN a.counted_at < now() - interval '1 minute' THEN now()
        ELSE a.counted_at END
RETURNING CASE WHEN counted_at = now() THEN coalesce((SELECT level FROM before), 0)::int + $2 END
"""


NOT_RECORDED = (Problem, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""Errors with which an event is not recorded, and the operation is answered all the same."""


class Refused(NamedTuple):
    """A refusal of an operation: the code of `db.problem`, the field, and the missing scope."""

    code: str
    field: str
    scope: str | None = None


@dataclass(slots=True)
class _Counted:
    """Events of one kind and viewer since the database was asked at `since`."""

    since: float
    more: int = 0


class Refusals:
    """Records refusals and large reads of viewers.

    An answer does not fail because the event cannot be recorded; that is logged.
    """

    def __init__(self, database: Database, settings: AuthSettings) -> None:
        self._database, self._settings = database, settings
        self._counted: OrderedDict[tuple[str, str], _Counted] = OrderedDict()

    async def refused(self, viewer: Viewer, origin: Origin, what: Refused) -> None:
        """Record a refusal; those of anonymous viewers are not recorded."""
        event = Event(
            entity_type="Operation",
            action="refuse",
            type=AuditEventType.ACCESS_DENIED,
            description="An operation was refused.",
            resource=ResourceType.USER,
            severity=AuditSeverity.MEDIUM,
            details={key: value for key, value in what._asdict().items() if value},
        )
        await self._note(viewer, origin, event)

    async def read_much(self, viewer: Viewer, origin: Origin, rows: int) -> None:
        """Record a read of so many rows by one operation, if there are at least LARGE_READ."""
        if rows < LARGE_READ:
            return
        event = Event(
            entity_type="Operation",
            action="read",
            type=AuditEventType.EXPORT,
            description="Many rows were read.",
            resource=ResourceType.USER,
            control="CC6.7",
            details={"rows": rows},
        )
        await self._note(viewer, origin, event)

    async def _note(self, viewer: Viewer, origin: Origin, event: Event) -> None:
        if viewer.id is None and viewer.client_id is None:
            return
        whose = f"{viewer.id} {viewer.client_id} {viewer.session_id}"
        counted = self._begin(event.action, whose)
        if counted is None:
            return
        event = replace(event, **_whose(viewer))
        before, counted.more = counted.more, 0
        try:
            async with self._database.auth.lend(NOBODY) as lent, lent.transaction():
                more = await once_a_minute(lent, self._settings, event.action, whose, before)
                if more is not None:
                    event.details["more"] = more
                    await record(lent, event, origin)
        except BaseException as error:
            counted.more, counted.since = counted.more + before + 1, float("-inf")
            if not isinstance(error, NOT_RECORDED):
                raise
            log.warning("not recorded", action=event.action, error=type(error).__name__)

    def _begin(self, action: str, whose: str) -> _Counted | None:
        """Return the count with which to ask the database; None if this one was only counted."""
        now, key = time.monotonic(), (action, whose)
        counted = self._counted.get(key)
        if counted is None:
            counted = self._counted[key] = _Counted(now)
            if len(self._counted) > MAX_COUNTED:
                self._counted.popitem(last=False)
            return counted
        if now - counted.since < MINUTE:
            counted.more += 1
            return None
        counted.since = now
        self._counted.move_to_end(key)
        return counted


async def once_a_minute(
    connection: Lent, settings: AuthSettings, kind: str, whose: str, before: int = 0
) -> int | None:
    """Return the number of these since the last event; None when none is to be recorded now.

    `before` were not counted yet.
    """
    subject = keyed_digest(settings, f"event: {kind}", whose)
    left: int | None = await connection.fetchval(COUNT, subject, before)
    return left


def _whose(viewer: Viewer) -> dict[str, Any]:
    """Return the columns that name the viewer; no organization, for it may not be theirs."""
    return {
        "entity_id": viewer.id or NOBODY_KNOWN,
        "actor_id": viewer.id,
        "user_id": viewer.id,
        "session_id": UUID(viewer.session_id) if viewer.session_id else None,
        "client_id": viewer.client_id,
    }
