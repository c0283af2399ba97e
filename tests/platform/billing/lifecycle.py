"""The life of subscriptions in the stand-in for Stripe: periods, payments, and events of them.

Money is counted in whole cents. A customer on a test clock lives in its time.
"""

import copy
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

DAY = 86_400
MONTHS = {"month": 1, "year": 12}
RETRY_DAYS, RETRIES = 3, 3
CARDS = {
    "pm_card_visa": ("visa", "4242", True),
    "pm_card_mastercard": ("mastercard", "4444", True),
    "pm_card_chargeCustomerFail": ("visa", "0341", False),
}
"""The brand, the last digits, and whether charges succeed, by the name of a test card."""


class Declined(Exception):
    """The card was declined."""


@dataclass
class Lifecycle:
    """The objects of an account by kind and ID, and what happens to them."""

    objects: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    meter_events: dict[str, Any] = field(default_factory=dict)

    def add(self, kind: str, prefix: str, values: dict[str, Any]) -> dict[str, Any]:
        """Store a new object, and return it."""
        id = values.get("id") or f"{prefix}_{uuid4().hex}"
        name = kind[:-1].replace("session", "checkout.session")
        made = {"object": name, "created": self.now_of(values), **values, "id": id}
        self.objects[kind][id] = made
        return made

    def now_of(self, values: dict[str, Any]) -> int:
        """Return the time in which an object lives: that of its clock, or the real one."""
        customer = self.objects["customers"].get(str(values.get("customer")), values)
        clock = customer.get("test_clock")
        return self.objects["test_clocks"][clock]["frozen_time"] if clock else int(time.time())

    def tell(self, type_: str, about: dict[str, Any]) -> None:
        """Add an event with the object as it is now."""
        content = {"type": type_, "data": {"object": copy.deepcopy(about)}}
        event = self.add("events", "evt", content)
        event["created"] = self.now_of(about if "customer" in about else {**about})

    def attach(self, name: str, customer: str) -> dict[str, Any]:
        """Give a customer a card."""
        brand, last4, works = CARDS[name]
        card = {"brand": brand, "last4": last4}
        values = {"type": "card", "customer": customer, "card": card, "works": works}
        method = self.add("payment_methods", "pm", values)
        self.tell("payment_method.attached", method)
        return method

    def update_customer(self, customer: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """Change a customer."""
        customer |= params
        self.tell("customer.updated", customer)
        return customer

    def works(self, subscription: dict[str, Any]) -> bool | None:
        """Return whether charges of a subscription succeed; None without a card."""
        customer = self.objects["customers"][subscription["customer"]]
        default = customer["invoice_settings"]["default_payment_method"]
        method = subscription.get("default_payment_method") or default
        return self.objects["payment_methods"][method]["works"] if method else None

    def invoice(self, subscription: dict[str, Any], lines: list[tuple[str, int]]) -> Any:
        """Create the invoice of these lines, and try to have it paid."""
        total = sum(amount for _, amount in lines)
        now = self.now_of(subscription)
        values = {
            "customer": subscription["customer"],
            "subscription": subscription["id"],
            "currency": "usd",
            "status": "open",
            "total": total,
            "amount_due": max(total, 0),
            "amount_paid": 0,
            "number": f"GW-{len(self.objects['invoices']) + 1:04d}",
            "period_start": now,
            "period_end": now,
            "hosted_invoice_url": "https://invoice.stripe.test/i/1",
            "invoice_pdf": "https://invoice.stripe.test/i/1/pdf",
            "attempts": 0,
            "lines": {"data": [{"description": text, "amount": cents} for text, cents in lines]},
        }
        made = self.add("invoices", "in", values)
        self.tell("invoice.created", {**made, "status": "draft"})
        return made

    def pay(self, invoice: dict[str, Any]) -> dict[str, Any]:
        """Try to charge an invoice. Raises Declined."""
        subscription = self.objects["subscriptions"][invoice["subscription"]]
        invoice["attempts"] += 1
        if invoice["amount_due"] and not self.works(subscription):
            self.tell("invoice.payment_failed", invoice)
            raise Declined
        invoice |= {"status": "paid", "amount_paid": invoice["amount_due"], "next_attempt": None}
        self.tell("invoice.paid", invoice)
        if subscription["status"] in ("past_due", "unpaid", "incomplete", "paused"):
            self.become(subscription, "active")
        return invoice

    def become(self, subscription: dict[str, Any], status: str) -> None:
        """Give a subscription another status, and tell so."""
        subscription["status"] = status
        self.tell("customer.subscription.updated", subscription)

    def change(self, subscription: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """Change a subscription, with its invoice at once. Raises Declined, and changes nothing."""
        if "cancel_at_period_end" in params:
            subscription["cancel_at_period_end"] = params["cancel_at_period_end"] == "true"
        if items := params.get("items"):
            price = self.objects["prices"][items[0]["price"]]
            lines = self.proration(subscription, price, params.get("proration_date"))
            if sum(cents for _, cents in lines) > 0 and not self.works(subscription):
                raise Declined
            now, item = self.now_of(subscription), subscription["items"]["data"][0]
            if item["price"]["recurring"] != price["recurring"]:
                item["current_period_start"] = now
                item["current_period_end"] = period_end(now, price)
            item["price"] = copy.deepcopy(price)
            if lines:
                self.pay(self.invoice(subscription, lines))
        self.tell("customer.subscription.updated", subscription)
        return subscription

    def proration(self, subscription: Any, price: Any, at: str | None) -> list[tuple[str, int]]:
        """Return the credit for the rest of the period, and the charge of the new price for it."""
        if subscription["status"] == "trialing":
            return []
        item = subscription["items"]["data"][0]
        now = int(at) if at else self.now_of(subscription)
        begins, ends = item["current_period_start"], item["current_period_end"]
        former = item["price"]["unit_amount"] * (ends - now) // (ends - begins)
        if item["price"]["recurring"] == price["recurring"]:
            charged = price["unit_amount"] * (ends - now) // (ends - begins)
        else:
            charged = price["unit_amount"]
        return [("Unused time", -former), ("Remaining time", charged)]

    def preview(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the invoice that a change would create."""
        subscription = self.objects["subscriptions"][params["subscription"]]
        details = params["subscription_details"]
        price = self.objects["prices"][details["items"][0]["price"]]
        lines = self.proration(subscription, price, details.get("proration_date"))
        total = sum(cents for _, cents in lines)
        told = [{"description": text, "amount": cents} for text, cents in lines]
        return {"currency": "usd", "amount_due": max(total, 0), "lines": {"data": told}}

    def cancel(self, subscription: dict[str, Any]) -> dict[str, Any]:
        """End a subscription at once."""
        subscription |= {"status": "canceled", "ended_at": self.now_of(subscription)}
        self.tell("customer.subscription.deleted", subscription)
        return subscription

    def resume(self, subscription: dict[str, Any]) -> dict[str, Any]:
        """Continue a paused subscription. Raises Declined."""
        self.renew(subscription, self.now_of(subscription))
        if subscription["status"] != "active":
            subscription["status"] = "paused"
            raise Declined
        self.tell("customer.subscription.resumed", subscription)
        return subscription

    def renew(self, subscription: dict[str, Any], now: int) -> None:
        """Begin a period, and charge it."""
        item = subscription["items"]["data"][0]
        item["current_period_start"] = now
        item["current_period_end"] = period_end(now, item["price"])
        invoice = self.invoice(subscription, [("Subscription", item["price"]["unit_amount"])])
        try:
            self.pay(invoice)
        except Declined:
            invoice["next_attempt"] = now + RETRY_DAYS * DAY
            self.become(subscription, "past_due")
        else:
            self.become(subscription, "active")

    def advance(self, clock: str, to: int) -> dict[str, Any]:
        """Have time pass on a clock: all that is due until then happens in its order."""
        found = self.objects["test_clocks"][clock]
        mine = [
            one
            for one in self.objects["subscriptions"].values()
            if self.objects["customers"][one["customer"]].get("test_clock") == clock
        ]
        while True:
            due = min(
                (step for one in mine for step in self._due(one) if step[0] <= to),
                key=lambda step: step[0],
                default=None,
            )
            if due is None:
                break
            found["frozen_time"] = max(due[0], found["frozen_time"])
            due[1]()
        found["frozen_time"] = to
        return found

    def _due(self, one: dict[str, Any]) -> Iterable[tuple[int, Any]]:
        """Yield what is to happen to a subscription, with its time."""
        end = one["items"]["data"][0]["current_period_end"]
        if one["status"] == "trialing":
            if not one.get("told_of_end"):
                yield one["trial_end"] - 3 * DAY, lambda: self._tell_of_end(one)
            yield one["trial_end"], lambda: self._end_trial(one)
        elif one["status"] in ("active", "past_due", "unpaid"):
            for invoice in [*self.objects["invoices"].values()]:
                if invoice["subscription"] == one["id"] and invoice.get("next_attempt"):
                    yield invoice["next_attempt"], lambda due=invoice: self._retry(one, due)
            if one["cancel_at_period_end"]:
                yield end, lambda: self.cancel(one)
            elif one["status"] == "active":
                yield end, lambda: self.renew(one, end)

    def _tell_of_end(self, one: dict[str, Any]) -> None:
        one["told_of_end"] = True
        self.tell("customer.subscription.trial_will_end", one)

    def _end_trial(self, one: dict[str, Any]) -> None:
        if self.works(one) is None:
            one["status"] = "paused"
            self.tell("customer.subscription.paused", one)
        else:
            self.renew(one, one["trial_end"])

    def _retry(self, one: dict[str, Any], invoice: dict[str, Any]) -> None:
        now = self.now_of(one)
        try:
            self.pay(invoice)
        except Declined:
            last = invoice["attempts"] > RETRIES
            invoice["next_attempt"] = None if last else now + RETRY_DAYS * DAY
            if last:
                self.become(one, "unpaid")


def new_subscription(account: Lifecycle, params: dict[str, Any]) -> dict[str, Any]:
    """Create a subscription: in its trial, or paid. Raises Declined."""
    now = account.now_of(params)
    price = copy.deepcopy(account.objects["prices"][params["items"][0]["price"]])
    days = int(params.get("trial_period_days", 0))
    end = now + days * DAY if days else period_end(now, price)
    item = {
        "id": f"si_{uuid4().hex}",
        "price": price,
        "current_period_start": now,
        "current_period_end": end,
    }
    values = {
        "customer": params["customer"],
        "status": "trialing" if days else "incomplete",
        "cancel_at_period_end": False,
        "trial_end": end if days else None,
        "default_payment_method": params.get("default_payment_method"),
        "items": {"data": [item]},
    }
    made = account.add("subscriptions", "sub", values)
    account.tell("customer.subscription.created", made)
    if not days:
        account.pay(account.invoice(made, [("Subscription", price["unit_amount"])]))
    return made


def period_end(now: int, price: dict[str, Any]) -> int:
    """Return the end of a period that begins now: months have 30 days here, and years 365."""
    recurring = price["recurring"]
    days = {"month": 30, "year": 365}[recurring["interval"]]
    return now + days * recurring["interval_count"] * DAY


def expanded(account: Lifecycle, found: dict[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return an object with the references at these paths replaced by their objects."""
    found = copy.deepcopy(found)
    for path in paths:
        *steps, last = path.split(".")
        within = found
        for step in steps:
            within = within.get(step) or {}
        if within.get(last):
            within[last] = account.objects["payment_methods"][within[last]]
    return found


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the parameters of a form, such as `items[0][price]=...`, as objects and lists."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        first, *rest = name.replace("]", "").split("[")
        within: Any = root
        steps = [first, *rest]
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            if following is None:
                within[step or str(len(within))] = value
            else:
                within = within.setdefault(step or str(len(within)), {})
    return {name: _lists(value) for name, value in root.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(member) for key, member in value.items()}
