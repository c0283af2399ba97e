"""A year of a customer's life on a test clock: every consequence is right."""

import pytest

from db.core.plans import PRICES, BillingPlan, PricingPlanInterval
from tests.platform.billing.asking import (
    CANCEL,
    CHANGE,
    CREATE,
    DELETE,
    RENAME,
    RESUME,
    TRIAL,
    billing_of,
    input_of,
)

NOTICES = """SELECT DISTINCT metadata ->> 'event' FROM notifications
WHERE organization_id = $1 AND user_id = $2"""


async def late(world):
    """Have the days pass that a late payment has."""
    await world.superuser.execute(
        "UPDATE organizations SET payment_required_at = now() WHERE id = $1"
        " AND payment_required_at IS NOT NULL",
        world.organization,
    )


async def told(world, person="owner"):
    rows = await world.superuser.fetch(NOTICES, world.organization, world.people[person])
    return {row[0] for row in rows}


async def require_writes_refused(world):
    """Check that nothing is written but deletions, and that all is read."""
    create = {"document": world.document}
    assert await world.code("editor", CREATE, **create) == "PAYMENT_REQUIRED"
    rename = {"id": world.requirement, "version": 1, "name": "Renamed"}
    assert await world.code("editor", RENAME, **rename) == "PAYMENT_REQUIRED"
    read = "{ requirements { totalCount } }"
    assert (await world.ask("editor", read))["totalCount"] >= 1


@pytest.mark.slow
async def test_a_year_of_a_customer(paying, account):  # noqa: PLR0915 (one story)
    world, clock = paying, await account.clock()
    customer = await account.customer(world, clock=clock.id)

    async def pass_days(days):
        await account.advance(clock, days)
        return await account.deliver(world, customer)

    # A trial without a card is paused at its end.
    await world.ask("owner", TRIAL, **input_of(world, plan="PRO"))
    made = await world.ask("editor", CREATE, document=world.document)
    assert "customer.subscription.trial_will_end" in await pass_days(12)
    assert "trial_ending" in await told(world)
    await pass_days(3)
    seen = await billing_of(world)
    assert (seen["status"], seen["plan"]) == ("PAUSED", "PRO")
    assert seen["paymentRequiredAt"]
    await require_writes_refused(world)
    await world.ask("editor", DELETE, id=made["requirement"]["id"], version=1)

    # A card, and it goes on.
    await account.card(customer, "pm_card_visa")
    await world.ask("owner", RESUME, **input_of(world))
    await account.deliver(world, customer)
    seen = await billing_of(world)
    assert (seen["status"], seen["paymentRequiredAt"]) == ("ACTIVE", None)
    assert seen["card"] == {"brand": "visa", "last4": "4242"}
    await world.ask("editor", CREATE, document=world.document)

    # More, and the difference is paid.
    await pass_days(20)
    up = input_of(world, plan="BUSINESS", billingCycle="MONTHLY")
    await world.ask("billing", CHANGE, **up)
    await account.deliver(world, customer)
    seen = await billing_of(world)
    assert seen["plan"] == "BUSINESS"
    assert 0 < seen["invoices"][0]["total"]["amount"] < 49_900

    # The card fails: late, then unpaid, and nothing is deleted.
    await account.card(customer, "pm_card_chargeCustomerFail")
    await pass_days(15)
    seen = await billing_of(world)
    assert (seen["status"], seen["plan"]) == ("PAST_DUE", "BUSINESS")
    assert "payment_failed" in await told(world, "billing")
    required = seen["paymentRequiredAt"]
    await world.ask("editor", CREATE, document=world.document)
    await late(world)
    await require_writes_refused(world)
    await pass_days(20)
    assert (await billing_of(world))["status"] in ("UNPAID", "PAST_DUE", "CANCELLED")
    assert required

    # Another card, and all is as before.
    await account.card(customer, "pm_card_mastercard")
    invoices = await account.do(
        account.stripe.v1.invoices.list, {"customer": customer, "status": "open"}
    )
    for invoice in invoices.data:
        await account.do(account.stripe.v1.invoices.pay, invoice.id)
    await account.deliver(world, customer)
    seen = await billing_of(world)
    assert (seen["status"], seen["paymentRequiredAt"]) == ("ACTIVE", None)
    assert seen["card"]["last4"] == "4444"
    await world.ask("editor", CREATE, document=world.document)

    # Less, which is credited, and later the end with the year.
    down = input_of(world, plan="STARTER", billingCycle="YEARLY")
    await world.ask("owner", CHANGE, **down)
    await account.deliver(world, customer)
    seen = await billing_of(world)
    assert (seen["plan"], seen["billingCycle"]) == ("STARTER", "YEARLY")
    await world.ask("owner", CANCEL, **input_of(world))
    await pass_days(370)
    seen = await billing_of(world)
    assert (seen["status"], seen["plan"]) == ("CANCELLED", "FREE")
    assert "subscription_ended" in await told(world)
    await world.ask("editor", CREATE, document=world.document)
    kept = await world.superuser.fetchval(
        "SELECT count(*) FROM requirements WHERE organization_id = $1", world.organization
    )
    assert kept == 6, "nothing is deleted"
    assert len((await billing_of(world))["invoices"]) >= 4
    records = await world.records(world.organization)
    assert {r["source_system"] for r in records} == {"webhooks"}


def test_money_is_never_a_float():
    for plan in (BillingPlan.STARTER, BillingPlan.SCALE):
        for interval in PricingPlanInterval:
            assert type(PRICES[plan][interval]) is int
