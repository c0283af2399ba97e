"""Jobs that look the TXT records of verified domains up again, and notify owners of a lapse."""

import asyncio
from datetime import timedelta
from uuid import UUID

from auth.accounts import domains
from auth.accounts.domains import Domain
from auth.accounts.notify import remind
from auth.origin import Origin
from db.core.domains import OrganizationDomain
from db.core.notifications import NotificationType
from db.job_queue import enqueue
from db.pool import NOBODY
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run

INTERVAL = timedelta(hours=1)
BATCH = 500
"""Domains that one run looks up; the rest is left to the next one."""
AT_ONCE = 10
TITLE = "The domain {} is not verified any more."
MESSAGE = (
    "Its TXT record is missing, so that nobody joins by it. Members stay. Restore the record and"
    " verify the domain again."
)
OWNERS = """
SELECT m.user_id FROM organization_members AS m JOIN profiles AS p ON p.id = m.user_id
WHERE m.organization_id = $1 AND m.role = 'owner' AND m.status = 'active' AND m.deleted_at IS NULL
    AND p.status = 'active' AND p.deleted_at IS NULL
ORDER BY m.created_at LIMIT 50
"""


async def _recheck(run: Run) -> Result:
    """Look records up that are due, and let domains lapse whose record is missing for long."""
    due = await domains.due(run.database, BATCH)
    turns = asyncio.Semaphore(AT_ONCE)
    origin = Origin(request_id=f"job {run.job.id}", source="jobs")

    async def check(domain: Domain) -> bool:
        async with turns:
            return await domains.check(run.database, run.text_records, domain, origin)

    lapsed = await asyncio.gather(*map(check, due))
    for domain, has_lapsed in zip(due, lapsed, strict=True):
        if has_lapsed:
            await _notify_owners(run, domain)
    return {"checked": len(due), "lapsed": sum(lapsed)}


async def _notify_owners(run: Run, domain: Domain) -> None:
    async with run.database.auth.lend(NOBODY, in_transaction=True) as lent:
        owners = await lent.fetch(OWNERS, domain.organization_id)
        jobs = [
            NOTIFY.new(
                organization_id=domain.organization_id,
                user_id=owner["user_id"],
                key=f"{run.job.id} {domain.id} {owner['user_id']}",
                payload={"domainId": str(domain.id)},
            )
            for owner in owners
        ]
        if jobs:
            await enqueue(lent, jobs)


async def _notify(run: Run) -> Result:
    """Notify an owner of a domain that has lapsed."""
    id = UUID(run.payload["domainId"])
    async with run.completing() as transaction:
        found = await transaction.find_by_id(OrganizationDomain, [id], lock=False)
        row = found.get(id)
        if row is not None and row.verified_at is None:
            remind(
                transaction,
                NotificationType.WARNING,
                "domain_lapsed",
                TITLE.format(row.domain),
                row,
                organization_id=row.organization_id,
                message=MESSAGE,
            )
    return None


NOTIFY = Kind("domains.notify", _notify)
RECHECK = Kind("domains.recheck", _recheck, every=INTERVAL, timeout=600.0)
KINDS = (NOTIFY, RECHECK)
