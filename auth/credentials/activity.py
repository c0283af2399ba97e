"""When members were last active in their organizations: written in batches, beside the requests.

A person's time is written once an hour at most. What is not written yet is lost with the process:
at most what a few seconds brought.
"""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from time import monotonic
from uuid import UUID

from auth.viewer import Viewer
from db.attempts import Attempts
from db.pool import NOBODY, Database
from db.problem import Problem

INTERVAL = 5.0
"""Seconds between two batches."""
REPEATED = 3600.0
"""Seconds within which further requests of a member write nothing."""
MAX_KNOWN = 100_000
"""Memberships whose last write is remembered; the oldest is forgotten."""
MAX_WAITING = 10_000
"""Memberships that wait to be written, at most; further ones come with a later request."""

# The rows are locked in one order, and those that another process has just written are left.
RECORD = """
WITH active AS (
    SELECT m.id FROM organization_members AS m
    JOIN unnest($1::uuid[], $2::uuid[]) AS a (organization_id, user_id)
        USING (organization_id, user_id)
    WHERE m.last_active_at IS NULL OR m.last_active_at < now() - interval '1 hour'
    ORDER BY m.id
)
UPDATE organization_members AS m SET last_active_at = now()
FROM active WHERE m.id = active.id
"""

Membership = tuple[UUID, UUID]
"""The IDs of an organization and of its member."""


class Activity:
    """The memberships of one process whose activity waits to be written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: set[Membership] = set()
        self._known: OrderedDict[Membership, float] = OrderedDict()
        self._wanted, self._writing = asyncio.Event(), asyncio.Lock()

    def seen(self, viewer: Viewer) -> None:
        """Note a request of the viewer, for all organizations that it reaches."""
        if viewer.id is None or viewer.shared is not None:
            return
        now = monotonic()
        for organization in viewer.organizations:
            membership = (organization, viewer.id)
            before = self._known.get(membership)
            if before is not None and now - before < REPEATED:
                continue
            if len(self._waiting) >= MAX_WAITING:
                return
            self._known[membership] = now
            self._known.move_to_end(membership)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
            self._waiting.add(membership)
            self._wanted.set()

    async def write(self) -> None:
        """Write what waits, in one statement. What fails is written the next time."""
        async with self._writing:
            waiting, self._waiting = self._waiting, set()
            if not waiting:
                return
            try:
                async with self._database.auth.lend(NOBODY) as lent:
                    await lent.execute(RECORD, *map(list, zip(*waiting, strict=True)))
            except BaseException:
                self._waiting |= waiting
                raise

    async def keep_writing(self) -> None:
        """Write for the life of the process."""
        attempts = Attempts("recording the activity of members")
        try:
            while True:
                await self._wanted.wait()
                await asyncio.sleep(INTERVAL)
                with attempts.attempt():
                    self._wanted.clear()
                    await self.write()
                if self._waiting:
                    self._wanted.set()
        finally:
            with suppress(Problem, OSError):
                await self.write()
