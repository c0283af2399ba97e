"""The archive of results: old ones of free plans are moved to the storage of files."""

from hashlib import sha256
from uuid import UUID

from db.core.organizations import BillingPlan
from db.core.plans import PLANS
from db.pool import NOBODY
from graph.kit.storage import Stored
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
