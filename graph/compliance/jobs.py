"""The background jobs of compliance."""

from datetime import timedelta

from db.pool import NOBODY
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run

BATCH_SIZE = 100
"""Documents of one statement."""


async def _expire(run: Run) -> Result:
    """Give up uploads that were not finished in time."""
    expired, more = 0, True
    while more:
        async with run.database.auth.lend(NOBODY) as lent:
            found = await lent.fetchval("SELECT ctx.expire_compliance_documents($1)", BATCH_SIZE)
        expired += found
        more = found == BATCH_SIZE
    return {"expired": expired}


EXPIRE = Kind("compliance.expire_uploads", _expire, every=timedelta(minutes=10))
KINDS = (EXPIRE,)
