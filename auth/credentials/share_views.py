"""Views of shares: counted and recorded in batches, beside the requests that they are.

Whoever opens an address waits for none of this. What is not written yet is lost with the process:
at most the views of a second.
"""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from auth.origin import Origin
from auth.viewer import Viewer
from db.attempts import Attempts
from db.pool import NOBODY, Database
from db.problem import Problem

log = structlog.get_logger(__name__)

INTERVAL = 1.0
"""Seconds between two batches."""
MAX_WAITING = 10_000
"""Views that wait to be written, at most; further ones are dropped, and the log says so."""
REPEATED = 60.0
"""Seconds in which operations of the API from one address are one view."""
BATCH = 1000

RECORD = """
WITH seen AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::inet[], $5::text[])
        AS v (id, share_id, created_at, ip_address, user_agent)
),
counted AS (
    UPDATE shares AS s SET view_count = s.view_count + n.views,
        last_viewed_at = greatest(s.last_viewed_at, n.latest)
    FROM (
        SELECT share_id, count(*) AS views, max(created_at) AS latest
        FROM seen GROUP BY share_id ORDER BY share_id
    ) AS n
    WHERE s.id = n.share_id
    RETURNING s.id, s.organization_id, s.project_id, s.document_id, s.user_id
)
INSERT INTO share_views
    (id, organization_id, project_id, document_id, user_id, share_id, created_at, ip_address,
    user_agent)
SELECT v.id, c.organization_id, c.project_id, c.document_id, c.user_id, c.id, v.created_at,
    v.ip_address, v.user_agent
FROM seen AS v JOIN counted AS c ON c.id = v.share_id
"""


class _View(NamedTuple):
    id: UUID
    share_id: UUID
    created_at: datetime
    ip_address: str | None
    user_agent: str | None


class ShareViews:
    """The views of one process that wait to be written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_View] = []
        self._asked: OrderedDict[tuple[UUID | None, str | None], datetime] = OrderedDict()
        self._wanted, self._writing = asyncio.Event(), asyncio.Lock()

    def viewed(self, viewer: Viewer, origin: Origin) -> None:
        """Note that the page of a share was opened."""
        if len(self._waiting) >= MAX_WAITING:
            log.warning("view of a share not recorded", share=str(viewer.id))
            return
        assert viewer.id is not None  # noqa: S101 (it is that of the share)
        now = datetime.now(UTC)
        view = _View(uuid7(), viewer.id, now, origin.ip_address, origin.user_agent)
        self._waiting.append(view)
        self._wanted.set()

    def asked(self, viewer: Viewer, origin: Origin) -> None:
        """Note an operation of the API; those of a minute from one address are one view.

        Do nothing for viewers without a share.
        """
        if viewer.shared is None:
            return
        key, now = (viewer.id, origin.ip_address), datetime.now(UTC)
        before = self._asked.get(key)
        if before is not None and (now - before).total_seconds() < REPEATED:
            return
        self._asked[key] = now
        self._asked.move_to_end(key)
        if len(self._asked) > MAX_WAITING:
            self._asked.popitem(last=False)
        self.viewed(viewer, origin)

    async def write(self) -> None:
        """Write the views that wait, in one statement. What fails is written the next time."""
        async with self._writing:
            views, self._waiting = self._waiting, []
            if not views:
                return
            try:
                async with self._database.auth.lend(NOBODY) as lent:
                    await lent.execute(RECORD, *map(list, zip(*views, strict=True)))
            except BaseException:
                self._waiting[:0] = views
                raise

    async def keep_writing(self) -> None:
        """Write views for the life of the process."""
        attempts = Attempts("recording views of shares")
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
