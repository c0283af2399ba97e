"""Billing, as the gateway stores it: functions of PostgreSQL write it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from db.core.billing import SubscriptionStatus
from db.core.organizations import BillingPlan
from db.core.plans import PLANS, Plan, limits_of
from db.pool import Lent

LIVE = frozenset(SubscriptionStatus) - {
    SubscriptionStatus.INCOMPLETE,
    SubscriptionStatus.INCOMPLETE_EXPIRED,
    SubscriptionStatus.CANCELLED,
}
"""The states of a subscription that has a plan."""


@dataclass(frozen=True)
class Billing:
    """The billing of an organization, as the gateway itself sees it."""

    name: str
    slug: str
    plan: BillingPlan
    limits: Plan
    usage: Mapping[str, int]
    """The current use of each limit, by the name of the limit."""
    trial_used: bool
    customer: str | None
    subscription: str | None
    """The ID of the last subscription in Stripe."""
    status: SubscriptionStatus | None

    @property
    def is_live(self) -> bool:
        """Return whether there is a subscription that has not ended."""
        return self.subscription is not None and self.status in LIVE

    def exceeded(self, plan: BillingPlan) -> list[str]:
        """Return the limits of another plan that are exceeded by what is used now."""
        limits = PLANS[plan]._asdict()
        over = (
            name
            for name, used in self.usage.items()
            if limits.get(name) is not None and used > limits[name]
        )
        return sorted(to_camel(name) for name in over)


def to_camel(name: str) -> str:
    """Return the name of a limit as the API has it."""
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


async def find(connection: Lent, organization_id: UUID) -> Billing | None:
    """Return the billing of an organization, unless it is deleted."""
    row = await connection.fetchval("SELECT ctx.billing_of($1)", organization_id)
    if row is None:
        return None
    plan = BillingPlan(row["plan"])
    return Billing(
        name=row["name"],
        slug=row["slug"],
        plan=plan,
        limits=limits_of(plan, row["usage_limits"]),
        usage=row["usage"],
        trial_used=row["trial_ends_at"] is not None,
        customer=row["customer"],
        subscription=row["subscription"],
        status=SubscriptionStatus(row["status"]) if row["status"] else None,
    )


async def customer_of(connection: Lent, organization_id: UUID, customer: str) -> str | None:
    """Return the customer of an organization: the one that is stored, or this one, which then is.

    None if there is no such organization.
    """
    known: str | None = await connection.fetchval(
        "SELECT ctx.stripe_customer_of($1, $2)", organization_id, customer
    )
    return known


async def apply_state(
    connection: Lent,
    event: UUID | None,
    customer: str,
    order: str,
    values: Mapping[str, Any] | None,
    *,
    fetched: bool = False,
    asks: bool = False,
) -> str:
    """Store the state of a customer's subscription, unless a newer one is stored.

    `order` sorts states, the newest last; what was `fetched` is the newest. Return `applied`,
    `older`, `unknown` if no organization is this customer, or, if the caller `asks`, `tie` where
    the order does not decide. Without values the event is only given to its organization. The
    customer is locked until the end of the transaction.
    """
    text = None if values is None else orjson.dumps(values).decode()
    outcome: str = await connection.fetchval(
        "SELECT ctx.apply_stripe_state($1, $2, $3, $4, $5, $6)",
        event,
        customer,
        order,
        text,
        fetched,
        asks,
    )
    return outcome


async def apply_invoice(
    connection: Lent, event: UUID | None, customer: str, order: str, invoice: Mapping[str, Any]
) -> str:
    """Store the state of an invoice, unless a newer one is stored. Return as `apply_state` does."""
    outcome: str = await connection.fetchval(
        "SELECT ctx.apply_stripe_invoice($1, $2, $3, $4)",
        event,
        customer,
        order,
        orjson.dumps(invoice).decode(),
    )
    return outcome


async def refresh(connection: Lent, organization_id: UUID) -> None:
    """Store the usage and the state of an organization in its cache."""
    await connection.execute("SELECT ctx.refresh_billing_cache($1)", organization_id)


async def refresh_page(connection: Lent, after: UUID, batch: int) -> tuple[int, UUID | None]:
    """Refresh the caches of the next organizations by ID that differ from what is true now.

    Return their number, and the last organization; None when there are no more.
    """
    row = await connection.fetchrow(
        "SELECT * FROM ctx.refresh_billing_caches($1, $2)", after, batch
    )
    return (row["refreshed"], row["last"]) if row else (0, None)


async def customers_after(connection: Lent, after: str, batch: int) -> list[str]:
    """Return the next customers in Stripe, by their IDs."""
    rows = await connection.fetch("SELECT ctx.stripe_customers_after($1, $2)", after, batch)
    return [row[0] for row in rows]


async def recipients(connection: Lent, organization_id: UUID) -> list[UUID]:
    """Return the owners and the members with the role BILLING, at most 50."""
    rows = await connection.fetch("SELECT ctx.billing_recipients($1)", organization_id)
    return [row[0] for row in rows]


@dataclass(frozen=True)
class Used:
    """The use of a feature by one person, to be added to the usage of an organization."""

    organization_id: UUID
    user_id: UUID
    feature: str
    unit_type: str
    quantity: int
    count: int


async def add_usage(connection: Lent, rows: Sequence[Used]) -> None:
    """Add rows to `usage_logs`, in one statement."""
    await connection.execute("SELECT ctx.add_usage($1)", orjson.dumps(rows, default=str).decode())


async def log_storage(connection: Lent) -> int:
    """Add the storage that each organization uses today, once a day; return their number."""
    number: int = await connection.fetchval("SELECT ctx.log_storage()")
    return number


class Warned(NamedTuple):
    """A limit of an organization of which 80 or 100 percent are used, for the first time."""

    organization_id: UUID
    limit: str
    percent: int
    current: int
    maximum: int


async def new_warnings(
    connection: Lent, after: UUID, batch: int
) -> tuple[list[Warned], UUID | None]:
    """Return the warnings that are due in the next organizations by ID, and the last of these.

    Each is returned once, if the transaction commits. The last is None when there are no more.
    """
    plans = {plan.value: limits._asdict() for plan, limits in PLANS.items()}
    rows = await connection.fetch(
        "SELECT * FROM ctx.new_usage_warnings($1, $2, $3)",
        orjson.dumps(plans).decode(),
        after,
        batch,
    )
    warned = [Warned(*row.values()) for row in rows if row["limit_name"] is not None]
    last = next((row["organization_id"] for row in rows if row["limit_name"] is None), None)
    return warned, last


class MeterReport(NamedTuple):
    """A quantity to report to a meter of Stripe. Its ID makes a repetition harmless."""

    id: UUID
    customer: str
    meter: str
    quantity: int
    at: datetime


async def meter_reports(connection: Lent, after: UUID | None, batch: int) -> list[MeterReport]:
    """Return the next reports by ID that are not sent.

    After None, what was used since the last ones becomes new ones first.
    """
    rows = await connection.fetch("SELECT * FROM ctx.next_meter_reports($1, $2)", after, batch)
    return [MeterReport(*row.values()) for row in rows]


async def sent(connection: Lent, report: UUID) -> None:
    """Note that a report was sent."""
    await connection.execute("SELECT ctx.sent_meter_report($1)", report)
