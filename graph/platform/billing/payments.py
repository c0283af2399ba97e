"""Subscriptions of organizations: started, changed and ended in Stripe, and stored from there."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import SecretStr

from db import billing
from db.billing import Billing
from db.core.billing import SubscriptionStatus
from db.core.organizations import BillingPlan, PricingPlanInterval
from db.core.plans import PRICES, TRIAL_DAYS
from db.pool import NOBODY, Database, Lent
from db.problem import Problem
from graph.kit.billing import Preview
from graph.platform.billing.states import (
    State,
    card_of,
    fetched_subscription,
    invoice_state,
    price_key,
    whole,
)
from graph.platform.billing.stripe_api import Object, StripeApi

OFF = "Billing is off: the operator of the gateway has set no key of Stripe."
PAGE = "/billing"
MAX_INVOICES = 24
RATE = {"proration_behavior": "always_invoice", "payment_behavior": "error_if_incomplete"}
"""A change is charged at once; a card that is declined leaves the subscription as it was."""


class PaymentSettings(Protocol):
    """The settings that payments need."""

    @property
    def stripe_secret_key(self) -> SecretStr | None:
        """Return the secret key; None if billing is off."""

    @property
    def stripe_api_base(self) -> str:
        """Return the base URL of the API, if it is not Stripe's."""

    @property
    def billing_grace_days(self) -> int:
        """Return the days after a failed payment during which an organization can write."""

    @property
    def url(self) -> str:
        """Return the base URL of the gateway."""

    @property
    def cors_origins(self) -> Sequence[str]:
        """Return the other origins whose pages use the gateway."""


class StripePayments:
    """The payments of one process (`graph.kit.billing.Payments`), and their states in Stripe."""

    def __init__(self, database: Database, settings: PaymentSettings) -> None:
        self._database, self._settings = database, settings
        self.api = StripeApi.of(settings)
        self.grace_days = settings.billing_grace_days
        self._prices: dict[str, str] = {}

    @property
    def enabled(self) -> bool:
        return self.api is not None

    async def find(self, organization_id: UUID) -> Billing:
        async with self._database.auth.lend(NOBODY) as lent:
            found = await billing.find(lent, organization_id)
        if found is None:
            raise Problem("NOT_FOUND", "There is no such organization.")
        return found

    async def checkout(
        self,
        organization_id: UUID,
        plan: BillingPlan,
        interval: PricingPlanInterval,
        success_url: str | None,
        cancel_url: str | None,
    ) -> Mapping[str, Any]:
        api = self._api()
        success = self._return_url(organization_id, success_url, "successUrl")
        cancel = self._return_url(organization_id, cancel_url, "cancelUrl")
        customer = await self._unsubscribed(organization_id, await self.find(organization_id))
        price = await self._price(plan, interval)
        page = await api.checkout_create(
            {
                "mode": "subscription",
                "customer": customer,
                "client_reference_id": str(organization_id),
                "line_items": [{"price": price, "quantity": 1}],
                "success_url": success,
                "cancel_url": cancel,
                "subscription_data": {"metadata": {"organization": str(organization_id)}},
            }
        )
        await self._close_pages(customer, kept=str(page["id"]))
        return page

    async def portal(self, organization_id: UUID, return_url: str | None) -> str:
        api = self._api()
        back = self._return_url(organization_id, return_url, "returnUrl")
        held = await self.find(organization_id)
        session = await api.portal_create(await self._customer(organization_id, held), back)
        return str(session["url"])

    async def preview(
        self,
        organization_id: UUID,
        plan: BillingPlan,
        interval: PricingPlanInterval,
        at: datetime | None,
    ) -> Preview:
        api, held = self._api(), await self._live(organization_id)
        item = await self._item(api, held)
        price = await self._price(plan, interval)
        moment = at or datetime.fromtimestamp(int(time.time()), UTC)
        details: dict[str, Any] = {
            "items": [{"id": item["id"], "price": price}],
            "proration_behavior": RATE["proration_behavior"],
        }
        if at is not None:
            details["proration_date"] = int(at.timestamp())
        invoice = await api.preview(
            {
                "customer": held.customer,
                "subscription": held.subscription,
                "subscription_details": details,
            }
        )
        lines = tuple(
            (str(line.get("description") or ""), whole(line["amount"]))
            for line in invoice["lines"]["data"]
        )
        due = whole(invoice["amount_due"])
        return Preview(str(invoice["currency"]), due, lines, moment)

    async def change(
        self,
        organization_id: UUID,
        plan: BillingPlan,
        interval: PricingPlanInterval,
        at: datetime | None,
    ) -> None:
        api, held = self._api(), await self._live(organization_id)
        item = await self._item(api, held)
        params: dict[str, Any] = {
            **RATE,
            "items": [{"id": item["id"], "price": await self._price(plan, interval)}],
        }
        if at is not None:
            params["proration_date"] = int(at.timestamp())
        async with self._storing(str(held.customer)):
            await api.subscription_update(str(held.subscription), params)

    async def cancel(self, organization_id: UUID, *, at_once: bool) -> None:
        api, held = self._api(), await self._live(organization_id)
        id = str(held.subscription)
        async with self._storing(str(held.customer)):
            if at_once:
                await api.subscription_cancel(id)
            else:
                await api.subscription_update(id, {"cancel_at_period_end": "true"})

    async def resume(self, organization_id: UUID) -> None:
        api, held = self._api(), await self._live(organization_id)
        id = str(held.subscription)
        async with self._storing(str(held.customer)):
            if held.status is SubscriptionStatus.PAUSED:
                await api.subscription_resume(id)
            else:
                await api.subscription_update(id, {"cancel_at_period_end": "false"})

    async def start_trial(self, organization_id: UUID, plan: BillingPlan) -> None:
        api, held = self._api(), await self.find(organization_id)
        if held.trial_used:
            raise Problem("ALREADY_EXISTS", "The organization has had its trial already.")
        customer = await self._unsubscribed(organization_id, held)
        params: dict[str, Any] = {
            "customer": customer,
            "items": [{"price": await self._price(plan, PricingPlanInterval.MONTHLY)}],
            "trial_period_days": TRIAL_DAYS,
            "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
            "metadata": {"organization": str(organization_id)},
        }
        async with self._storing(customer):
            trial = await api.subscription_create(params, f"trial-{organization_id}")
            try:
                await self._close_pages(customer)
            except Problem:
                await api.subscription_cancel(str(trial["id"]))
                raise

    @asynccontextmanager
    async def _storing(self, customer: str) -> AsyncIterator[None]:
        """Store the state of a customer after the change in the block, also if Stripe refuses it.

        What it refuses has often changed there, and the event of that has not been received.
        """
        try:
            yield
        except Problem as problem:
            if problem.code == "INVALID":
                await self.store(customer)
            raise
        await self.store(customer)

    async def store(self, customer: str) -> bool:
        """Fetch the state of a customer from Stripe and store it; return whether it is known."""
        async with self._database.auth.lend(NOBODY, in_transaction=True) as connection:
            return await self.store_within(connection, customer)

    async def store_within(self, connection: Lent, customer: str) -> bool:
        """Do the same in a transaction, which locks the customer: no other state overtakes it."""
        if await billing.apply_state(connection, None, customer, "", None) == "unknown":
            return False
        for state in await self._fetched(customer):
            await billing.apply_state(
                connection, None, customer, state.order, state.values, fetched=True
            )
        for invoice in await self._api().invoices(customer, MAX_INVOICES):
            told = invoice_state(invoice, int(time.time()))
            await billing.apply_invoice(connection, None, customer, told.order, told.values)
        return True

    async def _fetched(self, customer: str) -> list[State]:
        """Return the state of the newest subscription; none without one."""
        api = self._api()
        found = await api.subscriptions(customer)
        begun = [one for one in found if one["status"] != "incomplete_expired"] or found
        if not begun:
            return []
        newest = max(begun, key=lambda one: (int(one["created"]), str(one["id"])))
        card = card_of(newest.get("default_payment_method"))
        if card is None:
            about = (await api.customer(customer)).get("invoice_settings") or {}
            card = card_of(about.get("default_payment_method"))
        return [fetched_subscription(newest, self.grace_days, int(time.time()), card)]

    def _api(self) -> StripeApi:
        if self.api is None:
            raise Problem("NOT_ENABLED", OFF)
        return self.api

    async def _live(self, organization_id: UUID) -> Billing:
        held = await self.find(organization_id)
        if not held.is_live:
            raise Problem("INVALID", "The organization has no subscription. Start one by checkout.")
        return held

    async def _unsubscribed(self, organization_id: UUID, held: Billing) -> str:
        """Return the customer of an organization that has no subscription, also not in Stripe.

        Pages of earlier checkouts are closed. Raises ALREADY_EXISTS.
        """
        if held.customer and not held.is_live:
            await self._close_pages(held.customer)
            await self.store(held.customer)  # the event of one may be on its way
            held = await self.find(organization_id)
        if held.is_live:
            message = "The organization has a subscription. Change it instead."
            raise Problem("ALREADY_EXISTS", message)
        return await self._customer(organization_id, held)

    async def _close_pages(self, customer: str, kept: str | None = None) -> None:
        """Close the open pages of checkouts, but one: two are never paid for.

        Requests at the same time keep the newest of their pages, and the others raise BUSY. Raises
        ALREADY_EXISTS if a page was paid for before it could be closed; then none is kept.
        """
        api = self._api()
        pages = await api.checkouts_open(customer)
        newest = max(pages, key=lambda page: (int(page["created"]), str(page["id"])), default=None)
        if kept and (newest is None or newest["id"] != kept):
            await self._close_page(kept)
            raise Problem("BUSY", "Another checkout was begun at the same time. Try again.")
        for page in pages:
            if page["id"] != kept and not await self._close_page(str(page["id"])):
                if kept:
                    await self._close_page(kept)
                raise Problem("ALREADY_EXISTS", "The organization has just been subscribed.")

    async def _close_page(self, id: str) -> bool:
        """Close a page of a checkout; return False if it was paid for before."""
        api = self._api()
        try:
            await api.checkout_expire(id)
        except Problem as problem:
            if problem.code != "INVALID":
                raise
            return str((await api.checkout(id))["status"]) != "complete"
        return True

    async def _customer(self, organization_id: UUID, held: Billing) -> str:
        if held.customer:
            return held.customer
        made = await self._api().customer_create(str(organization_id), held.name)
        async with self._database.auth.lend(NOBODY, in_transaction=True) as lent:
            known = await billing.customer_of(lent, organization_id, made)
        if known is None:
            raise Problem("NOT_FOUND", "There is no such organization.")
        return known

    async def _item(self, api: StripeApi, held: Billing) -> Object:
        subscription = await api.subscription(str(held.subscription))
        item: Object = subscription["items"]["data"][0]
        return item

    async def _price(self, plan: BillingPlan, interval: PricingPlanInterval) -> str:
        """Return the ID of a price in Stripe, which is looked up once. Raises INVALID."""
        if plan not in PRICES:
            message = f"The plan {plan.name} is not sold online."
            raise Problem("INVALID", message, field=["input", "plan"])
        key = price_key(plan, interval)
        if key not in self._prices:
            self._prices |= {
                str(price["lookup_key"]): str(price["id"])
                for price in await self._api().prices([key])
            }
        if key not in self._prices:
            message = "Stripe has no price for this plan. The operator runs `gateway billing sync`."
            raise Problem("NOT_ENABLED", message)
        return self._prices[key]

    def _return_url(self, organization_id: UUID, url: str | None, field: str) -> str:
        """Return where the browser goes afterwards: on this site, or a known origin of CORS.

        Raises INVALID for another address.
        """
        if url is None:
            return f"{self._settings.url}{PAGE}?organization={organization_id}"
        parts = urlsplit(url) if len(url) <= 2000 else urlsplit("")  # noqa: PLR2004
        known = {urlsplit(one)[:2] for one in (self._settings.url, *self._settings.cors_origins)}
        if (parts.scheme, parts.netloc.lower()) not in known or "\\" in url:
            message = "Must be an address of this site, or of an origin that may call the API."
            raise Problem("INVALID", message, field=["input", field])
        return url
