"""Synchronize the table of plans with Stripe: its products, prices and meters.

What is there already as it should be stays. A price whose amount has changed is replaced by a new
one; subscriptions keep the price that they have.
"""

from collections.abc import Mapping
from typing import Any

from db.core.organizations import BillingPlan, PricingPlanInterval
from db.core.plans import CURRENCY, METERS, PRICES
from graph.platform.billing.states import PREFIX, price_key
from graph.platform.billing.stripe_api import Object, StripeApi

RECURRING = {
    PricingPlanInterval.MONTHLY: {"interval": "month", "interval_count": 1},
    PricingPlanInterval.QUARTERLY: {"interval": "month", "interval_count": 3},
    PricingPlanInterval.YEARLY: {"interval": "year", "interval_count": 1},
}


async def sync(api: StripeApi, *, dry_run: bool) -> list[str]:
    """Create and replace what differs; return a line for each change, made or not."""
    ids = {plan: f"{PREFIX}_{plan.value}" for plan in PRICES}
    products = {one["id"]: one for one in await api.products([*ids.values()])}
    keys = [price_key(plan, interval) for plan, own in PRICES.items() for interval in own]
    prices = {one["lookup_key"]: one for one in await api.prices(keys)}
    changes: list[str] = []
    for plan, own in PRICES.items():
        changes += await _product(api, plan, ids[plan], products.get(ids[plan]), dry_run)
        for interval, amount in own.items():
            held = prices.get(price_key(plan, interval))
            changes += await _price(api, plan, interval, amount, held, dry_run)
    return changes + await _meters(api, dry_run)


async def _product(
    api: StripeApi, plan: BillingPlan, id: str, held: Object | None, dry_run: bool
) -> list[str]:
    name = plan.value.title()
    if held is None:
        if not dry_run:
            await api.product_create({"id": id, "name": name, "metadata": {"plan": plan.value}})
        return [f"product {id}: created"]
    if held["name"] == name and held["active"]:
        return []
    if not dry_run:
        await api.product_update(id, {"name": name, "active": "true"})
    return [f"product {id}: changed"]


async def _price(
    api: StripeApi,
    plan: BillingPlan,
    interval: PricingPlanInterval,
    amount: int,
    held: Object | None,
    dry_run: bool,
) -> list[str]:
    key, recurring = price_key(plan, interval), RECURRING[interval]
    if held is not None and _is_same(held, amount, recurring):
        return []
    if not dry_run:
        await api.price_create(
            {
                "product": f"{PREFIX}_{plan.value}",
                "currency": CURRENCY,
                "unit_amount": amount,
                "recurring": recurring,
                "lookup_key": key,
                "transfer_lookup_key": "true",
                "metadata": {"plan": plan.value, "interval": interval.value},
            }
        )
        if held is not None:
            await api.price_update(held["id"], {"active": "false"})
    done = "created" if held is None else f"replaced, {held['unit_amount']} before"
    return [f"price {key} {amount} {CURRENCY}: {done}"]


def _is_same(held: Object, amount: int, recurring: Mapping[str, Any]) -> bool:
    own = held.get("recurring") or {}
    same = all(own.get(name) == value for name, value in recurring.items())
    return same and held["unit_amount"] == amount and held["currency"] == CURRENCY


async def _meters(api: StripeApi, dry_run: bool) -> list[str]:
    known = {one["event_name"] for one in await api.meters()}
    missing = [name for name in METERS.values() if name not in known]
    for name in missing if not dry_run else ():
        await api.meter_create(
            {
                "display_name": name.replace("_", " ").title(),
                "event_name": name,
                "default_aggregation": {"formula": "sum"},
            }
        )
    return [f"meter {name}: created" for name in missing]
