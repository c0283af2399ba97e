"""Rows by ID that are asked for at the same time, by one viewer: they share a statement.

The first request reads at once. Those that come while it waits for PostgreSQL are read by the next
statement, together. So each reads what was committed before it asked, as it would alone.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from auth.policy import grant_lists
from auth.session.compiled import compiled
from auth.session.row import row_class
from auth.session.select import Select
from auth.viewer import Viewer
from db.pool import Database, bytes_received
from db.problem import Problem

MAX_IDS = 8
"""IDs of a read that shares; one of more is a statement of its own, as it has the longer answer."""
MAX_READS = 64
"""Reads in one statement."""

Ids = Sequence[str]


class Share(NamedTuple):
    """The rows of one read among those of a statement.

    `received` is their part of the bytes, by the number of rows; `whole` are those of all rows.
    """

    rows: list[Any]
    received: int
    whole: int


class NotShared(Exception):
    """The statement for several failed; each reads for itself."""


class _Reads(NamedTuple):
    """The reads of one kind that wait until the statement that runs is answered."""

    database: Database
    select: Select
    place: int
    """The place of the ID in a row, as text."""
    waiting: list[tuple[Ids, asyncio.Future[Share]]]


class SharedReads:
    """The reads of one viewer, as they were identified: requests within half a second."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._running: dict[tuple[int, Select], _Reads] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, database: Database, select: Select, place: int) -> bool:
        """Return whether no such read runs; then the caller reads, and calls `end`.

        `place` is that of the ID in a row, as text.
        """
        key = id(database), select
        if key in self._running:
            return False
        self._running[key] = _Reads(database, select, place, [])
        return True

    def end(self, database: Database, select: Select) -> None:
        """Read the rows that were requested in the meantime."""
        key = id(database), select
        reads = self._running[key]
        if all(share.done() for _, share in reads.waiting):
            del self._running[key]
            return
        task = asyncio.get_running_loop().create_task(self._read(reads))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def join(self, database: Database, select: Select, ids: Ids) -> Share:
        """Return the rows with these IDs, by the next statement. Raises NotShared."""
        share: asyncio.Future[Share] = asyncio.get_running_loop().create_future()
        self._running[id(database), select].waiting.append((ids, share))
        return await share

    async def _read(self, reads: _Reads) -> None:
        database, select = reads.database, reads.select
        # Also those that have come since the last statement was answered.
        waiting = [(ids, share) for ids, share in reads.waiting if not share.done()]
        reads.waiting[:] = waiting[MAX_READS:]
        waiting = waiting[:MAX_READS]
        try:
            rows, received = await self._fetch(reads, [id for ids, _ in waiting for id in ids])
            known = {row[reads.place]: row for row in rows}
            each = received // max(len(rows), 1) + 1
            for ids, share in waiting:
                if not share.done():
                    own = [known[id] for id in dict.fromkeys(ids) if id in known]
                    share.set_result(Share(own, each * len(own), received))
        except BaseException as error:
            for _, share in waiting:
                if not share.done():
                    share.set_exception(_told(error))
            if not isinstance(error, Exception):
                raise
        finally:
            self.end(database, select)

    async def _fetch(self, reads: _Reads, ids: Ids) -> tuple[list[Any], int]:
        database, select = reads.database, reads.select
        grants = grant_lists(self._viewer)
        form = compiled(select, grants)
        arguments = form.arguments(grants, {"parents": list(dict.fromkeys(ids))})
        class_ = row_class(select.model)
        lending = database.app.lend(self._viewer.context, planned_once=form.planned_once)
        async with lending as connection:
            rows = await connection.fetch(form.text, *arguments, record_class=class_)
            return rows, bytes_received(connection)


def _told(error: BaseException) -> Exception:
    """Return the error of each read: that there is no connection, or that it is to try alone."""
    if isinstance(error, Problem) and error.code == "BUSY":
        return Problem(error.code, error.message)
    return NotShared()
