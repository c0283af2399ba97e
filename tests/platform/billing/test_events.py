"""Events of Stripe: every state ends where Stripe has it, whatever the order, and once."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from db import billing
from db.pool import NOBODY
from graph.platform.billing.reconciliation import reconcile
from graph.platform.billing.states import (
    State,
    invoice_event,
    subscription_event,
    terms_of_price,
    whole,
)
from tests.platform.billing.asking import BILLING, TRIAL, billing_of, input_of
from tests.platform.incoming.sending import BORN, send, subscription


def price(plan, interval="monthly"):
    """Return the items of a subscription to a plan."""
    about = {"id": f"price_{plan}", "metadata": {"plan": plan, "interval": interval}}
    return {"data": [{"price": about, "current_period_start": BORN, "current_period_end": 2e9}]}


def invoice(customer, *, at, status, total=9900, id="in_1", born=BORN):
    """Return an event about an invoice."""
    about = {
        "id": id,
        "object": "invoice",
        "customer": customer,
        "status": status,
        "currency": "usd",
        "total": total,
        "amount_due": total,
        "amount_paid": total if status == "paid" else 0,
        "created": born,
        "number": id,
        "hosted_invoice_url": "javascript:alert(1)",
    }
    return {
        "id": f"evt_{uuid7().hex}",
        "object": "event",
        "type": f"invoice.{'paid' if status == 'paid' else 'updated'}",
        "created": BORN + at,
        "data": {"object": about},
    }


async def receive(account, world, *events):
    for event in events:
        assert (await send(account.client, event)).status_code == 200
    await account.handle(world)


async def test_a_plan_follows_the_newest_state(paying, account):
    customer = await account.customer(paying)
    events = [
        subscription(customer, at=1, status="active", items=price("pro")),
        subscription(customer, at=2, status="active", items=price("scale", "yearly")),
        subscription(customer, at=3, status="canceled", type="deleted", items=price("scale")),
        subscription(customer, at=4, id=f"sub2_{customer}", born=BORN + 4, items=price("business")),
    ]
    random.Random(3).shuffle(events)
    await receive(account, paying, *events, *events)
    seen = await billing_of(paying)
    assert (seen["plan"], seen["billingCycle"], seen["status"]) == (
        "BUSINESS",
        "MONTHLY",
        "ACTIVE",
    )
    limits = await paying.superuser.fetchrow(
        "SELECT max_members, max_monthly_requests FROM organizations WHERE id = $1",
        paying.organization,
    )
    assert tuple(limits) == (1_000, 20_000_000)


async def test_events_of_the_same_second_are_decided_by_stripe(paying, account):
    customer = await account.customer(paying)
    await paying.ask("owner", TRIAL, **input_of(paying, plan="PRO"))
    known = await paying.superuser.fetchrow(
        "SELECT stripe_subscription_id AS id, state_order FROM stripe_customers"
        " WHERE stripe_customer_id = $1",
        customer,
    )
    born = int(known["state_order"].split()[0])
    at = 10_000_000_000 - born  # later than all that is stored
    for status in ("past_due", "unpaid"):
        event = subscription(customer, at=at, status=status, id=known["id"], born=born)
        event["data"]["object"]["items"] = price("scale")
        await receive(account, paying, event)
    seen = await billing_of(paying)
    assert (seen["status"], seen["plan"]) == ("TRIALING", "PRO"), "as Stripe has it"


async def test_invoices_are_shown_as_they_are_and_to_no_stranger(paying, other_world, account):
    other_world.client = account.client
    customer = await account.customer(paying)
    paid, open_ = (invoice(customer, at=n, status=s) for n, s in ((1, "paid"), (2, "open")))
    credit = -(2**53) - 1  # no float is this number
    later = invoice(customer, at=3, status="open", id="in_2", total=credit, born=BORN + 9)
    await receive(account, paying, paid, later, open_)
    seen = (await billing_of(paying, "billing"))["invoices"]
    assert [(one["number"], one["status"]) for one in seen] == [("in_2", "open"), ("in_1", "paid")]
    assert seen[0]["total"] == {"amount": credit, "currency": "usd"}
    assert seen[1]["url"] is None, "an address is one of the web"
    assert await other_world.code("owner", BILLING, id=paying.organization) == "NOT_FOUND"
    assert (await billing_of(other_world))["invoices"] == []
    for person in ("editor", "member", "viewer"):
        assert await billing_of(paying, person) is None


async def test_an_organization_keeps_24_invoices(paying, account):
    customer = await account.customer(paying)
    async with paying.database.auth.lend(NOBODY) as lent:
        for n in range(30):
            event = invoice(customer, at=n, status="paid", id=f"in_{n:02d}", born=BORN + n)
            _, order, values = invoice_event(event)
            assert await billing.apply_invoice(lent, None, customer, order, values) == "applied"
    seen = (await billing_of(paying))["invoices"]
    assert [one["number"] for one in seen] == [f"in_{n:02d}" for n in range(29, 5, -1)]


async def test_what_was_missed_is_repaired(paying, account):
    customer = await account.customer(paying)
    await paying.ask("owner", TRIAL, **input_of(paying, plan="PRO"))
    id = await paying.superuser.fetchval(
        "SELECT stripe_subscription_id FROM stripe_customers WHERE stripe_customer_id = $1",
        customer,
    )
    await account.do(account.stripe.v1.subscriptions.cancel, id)
    assert (await billing_of(paying))["status"] == "TRIALING"
    number, _ = await reconcile(paying.database, account.payments)
    assert number >= 1
    seen = await billing_of(paying)
    assert (seen["status"], seen["plan"]) == ("CANCELLED", "FREE")


async def test_a_price_of_somebody_else_changes_no_plan(paying, account):
    customer = await account.customer(paying)
    event = subscription(customer, at=1, items={"data": [{"price": {"id": "price_x"}}]})
    await receive(account, paying, event)
    seen = await billing_of(paying)
    assert (seen["status"], seen["plan"]) == ("ACTIVE", "FREE")


async def test_an_event_that_cannot_be_read_is_visible(paying, account):
    customer = await account.customer(paying)
    broken = invoice(customer, at=1, status="paid")
    broken["data"]["object"]["total"] = 99.5
    await receive(account, paying, broken)
    row = await paying.superuser.fetchrow(
        "SELECT status, error FROM webhook_events WHERE external_id = $1", broken["id"]
    )
    assert tuple(row) == ("failed", "The event holds no object that the gateway understands.")


ACTIONS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["active", "past_due", "unpaid", "paused"])),
    min_size=1,
    max_size=6,
)


@settings(max_examples=50, deadline=None)
@given(ACTIONS, st.randoms(use_true_random=False))
def test_the_order_of_states_does_not_depend_on_that_of_events(changes, chance):
    events = [subscription("cus_1", at=at, status=status) for at, status in changes]
    states: list[State] = [subscription_event(event, 14) for event in events]
    newest = max(states, key=lambda state: state.order)
    chance.shuffle(states)
    kept = states[0]
    for state in states[1:]:
        if state.order > kept.order:
            kept = state
    assert kept == newest
    assert newest.order.split()[2] == f"{BORN + max(at for at, _ in changes):012d}"


def test_a_price_says_its_plan_in_its_metadata_or_by_its_key():
    by_key = terms_of_price({"lookup_key": "gateway_pro_yearly"})
    assert by_key
    assert (by_key["plan"], by_key["interval"]) == ("pro", "yearly")
    assert by_key == terms_of_price({"metadata": {"plan": "pro", "interval": "yearly"}})
    for strange in (
        {},
        {"lookup_key": "gateway_free_monthly"},
        {"lookup_key": "gateway_pro"},
        {"lookup_key": "other_pro_yearly"},
        {"metadata": {"plan": "enterprise", "interval": "yearly"}},
    ):
        assert terms_of_price(strange) is None


def test_an_amount_of_money_is_a_whole_number():
    assert whole(-500) == -500
    for wrong in (1.0, "1", None, True):
        with pytest.raises(ValueError, match="whole number"):
            whole(wrong)
