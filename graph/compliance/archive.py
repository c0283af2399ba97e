"""The archive of results: old ones of free plans are moved to the storage of files."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from db.core.organizations import BillingPlan
from db.core.plans import PLANS
from db.pool import NOBODY
from graph.kit.storage import Storage, Stored
from graph.platform.jobs.kinds import Result
from graph.platform.jobs.run import Run

MAX_ARCHIVED = 50_000_000
"""Bytes of the results of one assessment, at most."""
BATCH_SIZE = 50
"""Results that are read at once."""
DUE = "SELECT id, results FROM ctx.results_to_archive($1, $2)"
ARCHIVE = "SELECT ctx.archive_results($1, $2)"


def archived(id: UUID, digest: bytes) -> Stored:
    """Return the content of archived results."""
    return Stored(id, digest, "results.json", "application/json")


async def stored_results(storage: Callable[[], Storage], row: Any) -> Mapping[str, Any]:
    """Return the results of an assessment, from the archive if they are there.

    The storage is asked for only then. Raises BUSY where it does not answer.
    """
    stored: Mapping[str, Any] = row.results
    if "archive" not in stored:
        return stored
    digest = bytes.fromhex(stored["archive"]["sha256"])
    found: Mapping[str, Any] = orjson.loads(
        await storage().read(archived(row.id, digest), MAX_ARCHIVED)
    )
    return found


async def archive(run: Run) -> Result:
    """Move the results of free plans that are older than their days to the storage of files.

    Each step may be repeated: results are removed from the database once they are stored.
    """
    moved, more = 0, True
    while more:
        async with run.database.auth.lend(NOBODY) as lent:
            rows = await lent.fetch(DUE, PLANS[BillingPlan.FREE].result_days, BATCH_SIZE)
        for row in rows:
            content = row["results"].encode()
            digest = sha256(content).digest()
            await run.storage.put(archived(row["id"], digest), content)
            async with run.database.auth.lend(NOBODY) as lent:
                moved += int(await lent.fetchval(ARCHIVE, row["id"], digest.hex()))
        more = len(rows) == BATCH_SIZE
    return {"moved": moved}
