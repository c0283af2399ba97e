"""Events of Stripe: what each says of a customer is stored, in whatever order they come."""

from collections.abc import Mapping
from typing import Any

import orjson

from db import billing
from db.pool import Lent
from db.webhook_events import StoredEvent
from graph.platform.billing.notices import BillingEvent, notify
from graph.platform.billing.states import (
    INVOICE,
    SUBSCRIPTION,
    State,
    id_of,
    invoice_event,
    subscription_event,
)
from graph.platform.jobs.run import JobFailed, Run

FETCHED = ("checkout.session.completed", "customer.updated", "payment_method.")
"""The beginnings of types whose events do not hold the state: it is fetched."""
DEFAULT_GRACE_DAYS = 14
NOT_UNDERSTOOD = "The event holds no object that the gateway understands."
NOTICES = {
    "invoice.payment_failed": BillingEvent.PAYMENT_FAILED,
    "customer.subscription.trial_will_end": BillingEvent.TRIAL_ENDING,
    "customer.subscription.deleted": BillingEvent.SUBSCRIPTION_ENDED,
    "customer.subscription.paused": BillingEvent.SUBSCRIPTION_PAUSED,
}
"""The types that are told to owners and the role BILLING."""


class NoCustomer(Exception):
    """No organization is this customer yet: it may be by the next attempt."""


def is_handled(type_: str) -> bool:
    """Return whether events of this type say something of billing."""
    return type_.startswith((SUBSCRIPTION, INVOICE, *FETCHED)) and type_ != "invoice.upcoming"


async def handle(connection: Lent, event: StoredEvent, run: Run) -> None:
    """Store what an event says. Raises NoCustomer, and JobFailed for one that cannot be read."""
    payments = run.payments if run.payments and run.payments.enabled else None
    grace_days = run.payments.grace_days if run.payments else DEFAULT_GRACE_DAYS
    try:
        state = _state(event, grace_days)
    except (KeyError, TypeError, ValueError) as error:
        raise JobFailed(NOT_UNDERSTOOD) from error
    if state is None:
        return
    outcome = await _apply(connection, event, state, asks=payments is not None)
    if outcome == "unknown":
        raise NoCustomer
    if payments and outcome in ("tie", "known"):
        await payments.store_within(connection, state.customer)
    if told := NOTICES.get(event.event_type):
        await notify(connection, event.id, told)


def _state(event: StoredEvent, grace_days: int) -> State | None:
    """Return the state in an event; without an order if it holds none, None if it is nobody's."""
    content = orjson.loads(event.body)
    if event.event_type.startswith(SUBSCRIPTION):
        return subscription_event(content, grace_days)
    if event.event_type.startswith(INVOICE):
        return invoice_event(content)
    customer = _customer(content)
    return State(customer, "", {}) if customer else None


async def _apply(connection: Lent, event: StoredEvent, state: State, *, asks: bool) -> str:
    customer, order, values = state
    if event.event_type.startswith(INVOICE):
        return await billing.apply_invoice(connection, event.id, customer, order, values)
    known = values if order else None
    return await billing.apply_state(connection, event.id, customer, order, known, asks=asks)


def _customer(content: Mapping[str, Any]) -> str | None:
    """Return the customer of another object; None for an object of nobody."""
    found = content["data"]["object"]
    reference = found["id"] if found.get("object") == "customer" else found.get("customer")
    return id_of(reference) if reference else None
