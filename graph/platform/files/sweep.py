"""Sweep the storage: uploads that were given up, and contents whose rows are gone."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from db.attempts import Attempts
from db.pool import NOBODY, Database
from graph.kit.storage import UPLOAD_LIFETIME, Storage

INTERVAL = 600
"""Seconds between two sweeps."""
BATCH_SIZE = 100
"""Files of one statement."""
ABANDONED = UPLOAD_LIFETIME + timedelta(hours=2)
"""The age at which an uploaded content belongs to no upload: its row has expired."""

REMOVALS = "SELECT id, file_id FROM file_removals ORDER BY created_at, id LIMIT $1"
REMOVED = "DELETE FROM file_removals WHERE id = ANY ($1)"


class Swept(NamedTuple):
    """The number of uploads that expired, of files removed, and of other contents removed."""

    expired: int
    removed: int
    abandoned: int


async def sweep(database: Database, storage: Storage) -> Swept:
    """Sweep once. What fails is swept the next time; several processes may sweep at once.

    Every step may be repeated: a file is forgotten only once its content is removed.
    """
    expired = removed = 0
    more = True
    while more:
        async with database.auth.lend(NOBODY) as connection:
            found = await connection.fetchval("SELECT ctx.expire_files($1)", BATCH_SIZE)
        expired += found
        more = found == BATCH_SIZE
    more = True
    while more:
        async with database.auth.lend(NOBODY) as connection:
            rows = await connection.fetch(REMOVALS, BATCH_SIZE)
        for row in rows:  # no connection is held meanwhile
            await storage.remove(row["file_id"])
        async with database.auth.lend(NOBODY) as connection:
            await connection.execute(REMOVED, [row["id"] for row in rows])
        removed += len(rows)
        more = len(rows) == BATCH_SIZE
    return Swept(expired, removed, await storage.sweep(datetime.now(UTC) - ABANDONED))


async def keep_swept(database: Database, storage: Storage) -> None:
    """Sweep from time to time, for the life of the process."""
    attempts = Attempts("sweeping files")
    while True:
        await asyncio.sleep(INTERVAL)
        with attempts.attempt():
            await sweep(database, storage)
