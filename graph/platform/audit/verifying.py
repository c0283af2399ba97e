"""The recurring job that verifies the hash chains of all organizations, and keeps the results."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from auth.events import Event, record
from auth.origin import Origin
from db.audit import alerts
from db.audit.alerts import Verified
from db.audit.seal import NO_ORGANIZATION
from db.change import AuditEventType, AuditSeverity
from db.pool import NOBODY
from db.traits import ResourceType
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run

INTERVAL = timedelta(days=1)
TIMEOUT = 6 * 3600.0
"""Seconds that one run may take."""
BATCH = 2000
"""Events that one statement verifies."""
CHAINS = 200
"""Chains that one statement lists."""
KEPT_FOR = timedelta(days=400)
FAULTS = {
    "missing": "Number {0} of the chain is missing.",
    "deleted": "Number {0} of the chain was deleted, or its time was changed.",
    "altered": "Number {0} of the chain does not fit its seal.",
}


async def _verify(run: Run) -> Result:
    """Verify every chain from its first event, a batch at a time, beside the writers."""
    count = faults = 0
    after = alerts.FIRST
    first: UUID | None = NO_ORGANIZATION  # which `after` leaves out
    while True:
        chains = await alerts.chains(run.database, after, CHAINS)
        for chain in [first, *chains] if first is not None else chains:
            count += 1
            faults += await verify_chain(run, chain)
        if not chains:
            break
        after, first = chains[-1], None
    await alerts.prune_verifications(run.database, KEPT_FOR)
    return {"chains": count, "faults": faults}


async def verify_chain(run: Run, chain: UUID) -> bool:
    """Verify one chain, store the result, and record a fault; return whether there is one."""
    started_at, verified = datetime.now(UTC), Verified(0, b"", None, None)
    while True:
        part = await alerts.verify_part(run.database, chain, verified.last, BATCH)
        done = part.wrong is not None or part.last < verified.last + BATCH
        verified = part
        if done:
            break
    fault = FAULTS[verified.reason or ""].format(verified.wrong) if verified.wrong else None
    await alerts.keep_verification(run.database, chain, started_at, verified, fault)
    if fault is None:
        return False
    event = Event(
        entity_type="Organization",
        entity_id=chain,
        organization_id=None if chain == NO_ORGANIZATION else chain,
        action="verify",
        type=AuditEventType.SYSTEM,
        description="The audit log was verified. It found a fault.",
        resource=ResourceType.ORGANIZATION,
        control="CC7.2",
        severity=AuditSeverity.CRITICAL,
        details={"fault": fault, "verified": verified.last},
    )
    async with run.database.auth.lend(NOBODY) as lent:
        await record(lent, event, Origin(request_id=f"job {run.job.id}", source="jobs"))
    return True


VERIFY = Kind("audit.verify", _verify, every=INTERVAL, timeout=TIMEOUT)
