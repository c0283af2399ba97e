"""Notices of billing to the owners of an organization and its members with the role BILLING.

Each is a job that runs as one of them and adds a notification, which is mailed as they prefer.
"""

from enum import StrEnum
from uuid import UUID

from auth.accounts.notify import remind
from db import billing
from db.core.notifications import NotificationType
from db.core.organizations import Organization
from db.job_queue import enqueue
from db.pool import Lent
from graph.platform.jobs.kinds import Kind, Result
from graph.platform.jobs.run import Run


class BillingEvent(StrEnum):
    """The cause of a notice: the `event` in the metadata of its notification."""

    PAYMENT_FAILED = "payment_failed"
    TRIAL_ENDING = "trial_ending"
    SUBSCRIPTION_ENDED = "subscription_ended"
    SUBSCRIPTION_PAUSED = "subscription_paused"
    LIMIT_NEAR = "limit_near"
    LIMIT_REACHED = "limit_reached"


TITLES = {
    BillingEvent.PAYMENT_FAILED: "A payment of the organization has failed.",
    BillingEvent.TRIAL_ENDING: "The trial of the organization ends soon.",
    BillingEvent.SUBSCRIPTION_ENDED: "The subscription of the organization has ended.",
    BillingEvent.SUBSCRIPTION_PAUSED: "The subscription of the organization is paused.",
    BillingEvent.LIMIT_NEAR: "The organization has used 80 % of a limit of its plan.",
    BillingEvent.LIMIT_REACHED: "The organization has used all of a limit of its plan.",
}
MESSAGES = {
    BillingEvent.PAYMENT_FAILED: "Check the card on the billing page. If no payment succeeds, the"
    " organization can no longer write after some days. Nothing is deleted.",
    BillingEvent.TRIAL_ENDING: "Add a card on the billing page to keep the plan. Without one, the"
    " organization can read, export and delete, but not write. Nothing is deleted.",
    BillingEvent.SUBSCRIPTION_ENDED: "The limits of the free plan apply. What exceeds them is kept,"
    " and nothing is deleted.",
    BillingEvent.SUBSCRIPTION_PAUSED: "The organization can read, export and delete, but not write,"
    " until the subscription is resumed on the billing page. Nothing is deleted.",
}
LIMITS = {
    "members": "members",
    "projects": "projects",
    "storage": "bytes of storage",
    "monthly_requests": "writing requests of this month",
    "credits": "credits of this month",
}
"""The names of limits in texts."""


async def notify(connection: Lent, event: UUID, told: BillingEvent) -> None:
    """Enqueue the notices of an event of Stripe, in the transaction that handles it."""
    organization_id = await connection.fetchval(
        "SELECT organization_id FROM webhook_events WHERE id = $1", event
    )
    if organization_id is not None:
        await tell(connection, organization_id, told, str(event), MESSAGES[told])


async def tell(
    connection: Lent, organization_id: UUID, told: BillingEvent, key: str, message: str
) -> None:
    """Enqueue a notice for each recipient, once by this key."""
    people = await billing.recipients(connection, organization_id)
    payload = {"event": told.value, "message": message}
    jobs = [
        NOTIFY.new(
            organization_id=organization_id,
            user_id=person,
            key=f"{key} {told.value} {person}",
            payload=payload,
        )
        for person in people
    ]
    if jobs:
        await enqueue(connection, jobs)


async def _notify(run: Run) -> Result:
    told, message = BillingEvent(run.payload["event"]), str(run.payload["message"])
    async with run.completing({"event": told.value}) as transaction:
        organization = await transaction.find(Organization, run.organization_id, lock=False)
        remind(
            transaction,
            NotificationType.WARNING,
            told.value,
            TITLES[told],
            organization,
            organization_id=organization.id,
            message=message,
        )
    return None


NOTIFY = Kind("billing.notify", _notify)
