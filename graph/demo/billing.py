"""Usage of the demonstration's organization: what its people have read, written and exported."""

from uuid import UUID

from db.pool import Database
from graph.platform.billing.usage_log import UsageLog

USED = (("query", "cost", 1_840), ("mutation", "cost", 260), ("export", "job", 3))


async def add_usage(database: Database, organization_id: UUID, person: UUID) -> None:
    """Record some usage of a person."""
    log = UsageLog(database)
    for feature, unit, quantity in USED:
        log.add(organization_id, person, feature, unit, quantity)
    await log.write()
