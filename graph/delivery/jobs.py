"""The background jobs of delivery."""

from datetime import timedelta

from db.pool import NOBODY
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run


async def _ensure_partitions(run: Run) -> Result:
    """Create the partitions of the months to come."""
    async with run.database.app.lend(NOBODY) as lent:
        made = await lent.fetchval("SELECT ctx.ensure_result_partitions()")
    return {"created": made}


PARTITIONS = Kind("delivery.partitions", _ensure_partitions, every=timedelta(hours=6))
KINDS = (PARTITIONS,)
