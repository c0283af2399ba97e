"""Webhooks of Stripe: the newest state of a customer's subscription is kept, in whatever order."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from db.core.billing import SubscriptionStatus
from db.pool import Lent
from db.webhook_events import StoredEvent, apply_subscription
from graph.platform.incoming.provider import (
    TOLERANCE,
    Headers,
    Named,
    Provider,
    Unverified,
    time_of,
)
from graph.platform.jobs.run import JobFailed

SUBSCRIPTION = "customer.subscription."
STATUSES = {status.value.replace("cancelled", "canceled"): status for status in SubscriptionStatus}
"""Our statuses by those of Stripe."""
RANKS = {"created": 0, "deleted": 2}
"""The order of events of the same second; others come between."""


class NoCustomer(Exception):
    """No organization is this customer yet: it may be by the next attempt."""


def verify(body: bytes, headers: Headers, secret: str) -> None:
    """Raise Unverified unless Stripe has signed the body with this secret within five minutes."""
    from stripe import SignatureVerificationError, WebhookSignature  # noqa: PLC0415 (20 MB)

    try:
        WebhookSignature.verify_header(body, headers.get("stripe-signature"), secret, TOLERANCE)
    except (SignatureVerificationError, ValueError):
        raise Unverified("The signature does not match, or is too old.") from None


def name_of(content: Mapping[str, Any], _: Headers) -> Named:
    """Return the ID, type and time of an event of Stripe."""
    return Named(content.get("id"), content.get("type"), time_of(content.get("created")))


async def handle(connection: Lent, event: StoredEvent) -> None:
    """Store the state of a subscription. Raises NoCustomer, and JobFailed for one that is none."""
    content = orjson.loads(event.body)
    try:
        customer, order, values = _state(content)
    except (KeyError, TypeError, ValueError) as error:
        raise JobFailed("The event holds no subscription that the gateway understands.") from error
    if not await apply_subscription(connection, event.id, customer, order, values):
        raise NoCustomer


def _state(content: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Return the customer of an event, the order of the state among all, and the state.

    The newest subscription of a customer comes last, and of its states the newest. Stripe tells
    times in whole seconds, so that the kind of the event decides between two of them.
    """
    found = content["data"]["object"]
    customer = found["customer"]
    if not isinstance(customer, str):
        customer = customer["id"]
    items = (found.get("items") or {}).get("data") or [{}]
    # The period is that of an item, and was that of the subscription in former versions of the API.
    start, end = (
        items[0].get(name, found.get(name))
        for name in ("current_period_start", "current_period_end")
    )
    is_period = start is not None and end is not None and float(start) < float(end)
    rank = RANKS.get(str(content["type"]).removeprefix(SUBSCRIPTION), 1)
    born, at = int(found.get("created") or 0), int(content["created"])
    order = f"{born:012d} {found['id']} {at:012d} {rank} {content['id']}"
    values = {
        "stripe_subscription_id": found["id"],
        "subscription_status": STATUSES[found["status"]].value,
        "price_id": (items[0].get("price") or {}).get("id"),
        "current_period_start": float(start) if is_period else None,
        "current_period_end": float(end) if is_period else None,
        "cancel_at_period_end": bool(found.get("cancel_at_period_end")),
    }
    return customer, order, values


def is_handled(type_: str) -> bool:
    """Return whether events of this type hold a subscription."""
    return type_.startswith(SUBSCRIPTION)


def stripe(secrets: Sequence[str]) -> Provider:
    """Return the provider, with the secrets of its endpoint."""
    return Provider("stripe", secrets, verify, name_of, is_handled, handle)
