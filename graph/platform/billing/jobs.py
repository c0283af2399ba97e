"""The recurring jobs of billing: what was missed is repaired, limits are watched, usage is sent."""

from datetime import timedelta
from uuid import UUID

import structlog

from db import billing
from db.core.plans import METERS
from db.job_queue import FIRST
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from graph.platform.billing.notices import LIMITS, NOTIFY, BillingEvent, tell
from graph.platform.billing.reconciliation import reconcile
from graph.platform.billing.stripe_api import StripeApi
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run

log = structlog.get_logger(__name__)

BATCH = 200


async def _reconcile(run: Run) -> Result:
    """Fetch the state of every customer from Stripe, and store it."""
    if run.payments is None or not run.payments.enabled:
        return {"customers": 0, "failed": 0}
    number, failed = await reconcile(run.database, run.payments)
    return {"customers": number, "failed": failed}


async def _warn(run: Run) -> Result:
    """Tell organizations of limits of which 80 or 100 percent are used, and refresh their cache."""
    after: UUID | None = FIRST
    number = 0
    while after is not None:
        async with run.database.auth.lend(NOBODY, in_transaction=True) as lent:
            warned, after = await billing.new_warnings(lent, after, BATCH)
            for one in warned:
                await _tell(lent, one)
                await billing.refresh(lent, one.organization_id)
        number += len(warned)
    return {"warnings": number}


async def _tell(lent: Lent, one: billing.Warned) -> None:
    full = one.percent >= 100  # noqa: PLR2004
    told = BillingEvent.LIMIT_REACHED if full else BillingEvent.LIMIT_NEAR
    name = LIMITS.get(one.limit, one.limit)
    message = f"{one.current:,} of {one.maximum:,} {name} are used."
    if full and one.limit == "monthly_requests":
        message += " A tenth more is allowed; then writes are refused until the next month."
    elif full:
        message += " More is refused. Nothing is deleted."
    key = f"{one.organization_id} {one.limit}"
    await tell(lent, one.organization_id, told, key, message)


async def _refresh(run: Run) -> Result:
    """Refresh the cache of each organization whose plan, status or usage has changed."""
    after: UUID | None = FIRST
    number = 0
    while after is not None:
        async with run.database.auth.lend(NOBODY, in_transaction=True) as lent:
            refreshed, after = await billing.refresh_page(lent, after, BATCH)
        number += refreshed
    return {"refreshed": number}


async def _log_storage(run: Run) -> Result:
    """Add the storage of today to the usage."""
    async with run.database.auth.lend(NOBODY) as lent:
        return {"organizations": await billing.log_storage(lent)}


async def _report(run: Run) -> Result:
    """Report what was used to the meters of Stripe. A report that is sent twice counts once."""
    if run.payments is None or run.payments.api is None:
        return {"reports": 0, "refused": 0}
    number, refused = await report(run.database, run.payments.api)
    return {"reports": number, "refused": refused}


async def report(database: Database, api: StripeApi) -> tuple[int, int]:
    """Send the reports that are not sent; return their number, and that of those refused.

    One that Stripe refuses, such as of a customer who was deleted there, is logged and tried again
    the next time; the others are sent. Raises BUSY when Stripe cannot be reached.
    """
    number, refused, after = 0, 0, None
    while True:
        async with database.auth.lend(NOBODY, in_transaction=True) as lent:
            reports = await billing.meter_reports(lent, after, BATCH)
        for one in reports:
            if await _send(api, one):
                async with database.auth.lend(NOBODY) as lent:
                    await billing.sent(lent, one.id)
            else:
                refused += 1
        number += len(reports)
        if len(reports) < BATCH:
            return number - refused, refused
        after = reports[-1].id


async def _send(api: StripeApi, one: billing.MeterReport) -> bool:
    """Send a report; return whether Stripe has taken it."""
    try:
        await api.meter_event(
            {
                "event_name": METERS[one.meter],
                "identifier": str(one.id),
                "timestamp": int(one.at.timestamp()),
                "payload": {"stripe_customer_id": one.customer, "value": str(one.quantity)},
            }
        )
    except Problem as problem:
        if problem.code != "INVALID":
            raise
        log.warning("report refused", report=str(one.id), customer=one.customer)
        return False
    return True


RECONCILE = Kind("billing.reconcile", _reconcile, every=timedelta(days=1), timeout=3600.0)
WARN = Kind("billing.warn", _warn, every=timedelta(minutes=5))
REPORT = Kind("billing.report", _report, every=timedelta(hours=1))
STORAGE = Kind("billing.storage", _log_storage, every=timedelta(hours=1))
REFRESH = Kind("billing.refresh", _refresh, every=timedelta(minutes=10))
KINDS = (NOTIFY, RECONCILE, WARN, REPORT, STORAGE, REFRESH)
