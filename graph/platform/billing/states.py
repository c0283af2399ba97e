"""Objects of Stripe in the form in which the gateway stores them: subscriptions and invoices.

Each has an order among the states of its customer: of two, the greater is the newer one. Amounts
are whole numbers of the smallest unit of the currency.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from db.core.billing import SubscriptionStatus
from db.core.organizations import BillingPlan, PricingPlanInterval
from db.core.plans import PLANS, PRICES, UNLIMITED

PREFIX = "gateway"
"""The beginning of the IDs of products and of the lookup keys of prices."""
SUBSCRIPTION, INVOICE = "customer.subscription.", "invoice."
STATUSES = {status.value.replace("cancelled", "canceled"): status for status in SubscriptionStatus}
"""Our statuses by those of Stripe."""
RANKS = {"created": 0, "deleted": 2}
"""The order of events of the same second; others come between."""
FETCHED = 9
"""The rank of a state that was fetched: it is later than the events of its second."""
INVOICE_RANKS = {"draft": 0, "open": 1, "uncollectible": 2, "void": 3, "paid": 3}
Values = Mapping[str, Any]


class State(NamedTuple):
    """The state of a customer's subscription or invoice, and its order among all."""

    customer: str
    order: str
    values: dict[str, Any]


def price_key(plan: BillingPlan, interval: PricingPlanInterval) -> str:
    """Return the lookup key of the price of a plan."""
    return f"{PREFIX}_{plan.value}_{interval.value}"


def subscription_event(content: Values, grace_days: int) -> State:
    """Return the state in an event of a subscription. Raises KeyError, TypeError or ValueError.

    The newest subscription of a customer comes last, and of its states the newest. Stripe tells
    times in whole seconds, so that the kind of the event decides between two of them.
    """
    found = content["data"]["object"]
    rank = RANKS.get(str(content["type"]).removeprefix(SUBSCRIPTION), 1)
    order = _order(found, int(content["created"]), rank, str(content["id"]))
    return State(id_of(found["customer"]), order, subscription_values(found, grace_days))


def fetched_subscription(found: Values, grace_days: int, now: int, card: Values | None) -> State:
    """Return the state of a subscription that was fetched at this time, with its card."""
    values = subscription_values(found, grace_days) | {"card": card}
    return State(id_of(found["customer"]), _order(found, now, FETCHED, "fetched"), values)


def _order(found: Values, at: int, rank: int, id: str) -> str:
    born = int(found.get("created") or 0)
    return f"{born:012d} {found['id']} {at:012d} {rank} {id}"


def subscription_values(found: Values, grace_days: int) -> dict[str, Any]:
    """Return what is stored of a subscription."""
    items = (found.get("items") or {}).get("data") or [{}]
    # The period is that of an item, and was that of the subscription in former versions of the API.
    start, end = (
        items[0].get(name, found.get(name))
        for name in ("current_period_start", "current_period_end")
    )
    is_period = start is not None and end is not None and float(start) < float(end)
    price = items[0].get("price") or {}
    trial_end = found.get("trial_end")
    return {
        "stripe_subscription_id": found["id"],
        "subscription_status": STATUSES[found["status"]].value,
        "price_id": price.get("id"),
        "current_period_start": float(start) if is_period else None,
        "current_period_end": float(end) if is_period else None,
        "cancel_at_period_end": bool(found.get("cancel_at_period_end")),
        "trial_end": float(trial_end) if trial_end else None,
        "grace_days": grace_days,
        "terms": terms_of_price(price),
        "ended": terms(BillingPlan.FREE, None),
    }


def terms_of_price(price: Values) -> dict[str, Any] | None:
    """Return the terms that a price sells; None for a price that the gateway does not know.

    A price keeps its plan in its metadata when another one has taken its lookup key.
    """
    about = price.get("metadata") or {}
    plan, interval = about.get("plan"), about.get("interval")
    if plan is None and price.get("lookup_key"):
        _, _, named = str(price["lookup_key"]).partition(f"{PREFIX}_")
        plan, _, interval = named.partition("_")
    known = {plan.value: plan for plan in PRICES}
    intervals = {interval.value: interval for interval in PricingPlanInterval}
    if plan not in known or interval not in intervals:
        return None
    return terms(known[plan], intervals[interval])


def terms(plan: BillingPlan, interval: PricingPlanInterval | None) -> dict[str, Any]:
    """Return what a plan gives an organization."""
    limits = PLANS[plan]
    return {
        "plan": plan.value,
        "interval": interval.value if interval else None,
        "max_members": limits.members or UNLIMITED,
        "max_monthly_requests": limits.monthly_requests or UNLIMITED,
    }


def invoice_event(content: Values) -> State:
    """Return the state in an event of an invoice. Raises KeyError, TypeError or ValueError."""
    return invoice_state(content["data"]["object"], int(content["created"]))


def invoice_state(found: Values, at: int) -> State:
    """Return the state of an invoice at this time."""
    status = str(found["status"])
    values = {
        "id": str(found["id"]),
        "number": found.get("number"),
        "status": status,
        "currency": str(found["currency"]),
        "total": whole(found["total"]),
        "amount_due": whole(found.get("amount_due") or 0),
        "amount_paid": whole(found.get("amount_paid") or 0),
        "created": int(found["created"]),
        "period_start": found.get("period_start"),
        "period_end": found.get("period_end"),
        "url": web_address(found.get("hosted_invoice_url")),
        "pdf_url": web_address(found.get("invoice_pdf")),
    }
    order = f"{INVOICE_RANKS.get(status, 1)} {at:012d}"
    return State(id_of(found["customer"]), order, values)


def whole(amount: Any) -> int:
    """Return an amount of money. Raises ValueError for one that is no whole number."""
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise ValueError("an amount of money is a whole number")  # noqa: TRY004 (one error for all)
    return amount


def web_address(text: Any) -> str | None:
    """Return the address of a page, if it is one of the web."""
    return text if isinstance(text, str) and text.startswith(("https://", "http://")) else None


def card_of(method: Any) -> dict[str, str] | None:
    """Return the brand and the last four digits of a payment method; None if it is no card."""
    card = method.get("card") if isinstance(method, Mapping) else None
    if not card or not card.get("last4"):
        return None
    return {"brand": str(card.get("brand") or "card"), "last4": str(card["last4"])}


def id_of(reference: Any) -> str:
    """Return the ID of an object, which may be expanded. Raises TypeError or KeyError."""
    return reference if isinstance(reference, str) else str(reference["id"])
