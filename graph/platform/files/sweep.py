"""Sweep the storage: uploads that were given up, and contents whose rows are gone."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from db.pool import NOBODY, Database
from graph.kit.storage import UPLOAD_LIFETIME, Storage
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run
from graph.settings import Settings

INTERVAL = timedelta(minutes=10)
TIMEOUT = 3600.0
"""Seconds that a sweep may take; what is left is swept the next time."""
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


def kind_of(storage: Storage) -> Kind:
    """Return the recurring job that sweeps this storage, for processes that reach it."""

    async def handle(run: Run) -> Result:
        return (await sweep(run.database, storage))._asdict()

    return Kind("upkeep.files", handle, every=INTERVAL, timeout=TIMEOUT)


def is_reached(settings: Settings) -> bool:
    """Return whether the storage of the settings is on this machine, or reached from all."""
    folders = (settings.gateway_data_dir / name for name in ("files", "uploads"))
    return bool(settings.s3_bucket) or any(folder.is_dir() for folder in folders)
