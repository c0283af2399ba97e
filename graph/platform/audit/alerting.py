"""Jobs that raise alerts about events of the audit log, and notify administrators of them."""

from datetime import timedelta
from uuid import UUID

from auth.accounts.notify import remind
from db.audit.alerts import raise_alerts
from db.change import AuditSeverity
from db.core.audit import AuditAlert
from db.core.notifications import NotificationType
from db.job_queue import enqueue
from db.pool import NOBODY
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run

INTERVAL = timedelta(seconds=3)
QUIET = timedelta(hours=1)
"""The time in which a rule raises one alert about a person in an organization."""
BATCH = 1000
"""Events that one statement makes part of alerts."""
NOTIFIED = frozenset({AuditSeverity.HIGH.value, AuditSeverity.CRITICAL.value})
"""The levels of alerts that administrators are notified of; others are listed, and sent."""
TITLES = {
    "rights_raised": "A user was given administrative rights.",
    "many_refusals": "Many requests of a user were refused.",
    "large_export": "Much data was read or exported at once.",
    "mass_deletion": "Many objects were deleted at once.",
    "unknown_browser": "A user signed in with a new browser.",
    "new_network": "A user signed in from a new network.",
    "chain_broken": "The audit log was altered.",
}
"""The title of the notification of an alert, by indicator."""
MESSAGE = "Look at the events in the audit log, and at the sessions and roles of the user."


async def _notify(run: Run) -> Result:
    """Notify an administrator of an alert."""
    id = UUID(run.payload["alertId"])
    async with run.completing() as transaction:
        found = await transaction.find_by_id(AuditAlert, [id], lock=False)
        if alert := found.get(id):
            remind(
                transaction,
                NotificationType.WARNING,
                "audit_alert",
                TITLES.get(alert.indicator, "The audit log has an unusual event."),
                alert,
                organization_id=alert.organization_id,
                message=MESSAGE,
            )
    return None


async def _find(run: Run) -> Result:
    """Raise alerts, each once, and enqueue a notification for each administrator."""
    total, more = 0, True
    while more:
        async with run.database.auth.lend(NOBODY, in_transaction=True) as lent:
            alerts, more = await raise_alerts(lent, BATCH, QUIET)
            jobs = [
                NOTIFY.new(
                    organization_id=alert.organization_id,
                    user_id=person,
                    key=f"{alert.id} {person}",
                    payload={"alertId": str(alert.id)},
                )
                for alert in alerts
                if alert.level in NOTIFIED
                for person in alert.administrators
            ]
            if jobs:
                await enqueue(lent, jobs)
        total += len(alerts)
    return {"alerts": total}


NOTIFY = Kind("audit.notify", _notify)
FIND = Kind("audit.find_alerts", _find, every=INTERVAL)
