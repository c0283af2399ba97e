"""An organization subscribes, changes its plan and ends it through the API, in Stripe."""

import asyncio
from contextlib import suppress

import pytest

from graph.platform.billing.stripe_api import StripeApi
from tests.platform.billing.asking import (
    CANCEL,
    CHANGE,
    CHECKOUT,
    PORTAL,
    RESUME,
    TRIAL,
    billing_of,
    input_of,
)
from tests.platform.billing.stand_in import Invalid
from tests.world import Refused

PRO = {"plan": "PRO", "billingCycle": "MONTHLY"}


async def test_without_a_key_billing_says_that_it_is_off(world):
    seen = await billing_of(world)
    assert (seen["enabled"], seen["plan"], seen["status"], seen["invoices"]) == (
        False,
        "FREE",
        None,
        [],
    )
    for query, fields in (
        (CHECKOUT, PRO),
        (PORTAL, {}),
        (CHANGE, PRO),
        (CANCEL, {}),
        (RESUME, {}),
        (TRIAL, {"plan": "PRO"}),
    ):
        with pytest.raises(Refused) as refused:
            await world.ask("owner", query, **input_of(world, **fields))
        assert refused.value.code == "NOT_ENABLED"
        assert refused.value.errors[0]["path"]


async def test_owners_and_the_role_billing_subscribe_and_nobody_else(paying, other_world, account):
    other_world.client = account.client
    for person in ("owner", "billing"):
        page = await paying.ask(person, CHECKOUT, **input_of(paying, **PRO))
        assert page["url"].startswith("https://")
    for person in ("admin", "editor", "member", "viewer"):
        assert await paying.code(person, CHECKOUT, **input_of(paying, **PRO)) == "FORBIDDEN"
    for query, fields in ((CHECKOUT, PRO), (PORTAL, {}), (TRIAL, {"plan": "PRO"})):
        told = await other_world.code("owner", query, **input_of(paying, **fields))
        assert told == "NOT_FOUND"
    customers = await paying.superuser.fetch(
        "SELECT stripe_customer_id FROM stripe_customers WHERE organization_id = $1",
        paying.organization,
    )
    assert len(customers) == 1, "two checkouts are of one customer"
    seen = {person: await billing_of(paying, person) for person in ("admin", "billing", "editor")}
    assert seen["editor"] is None
    assert not seen["admin"]["viewerCanChange"]
    assert seen["billing"]["viewerCanChange"]


async def test_a_checkout_that_is_paid_gives_the_plan(paying, account):
    if account.stand_in is None:
        pytest.skip("The page of Stripe's checkout is not filled in by this test.")
    page = await paying.ask("owner", CHECKOUT, **input_of(paying, **PRO))
    account.stand_in.complete(page["url"].rpartition("/")[2], "pm_card_visa")
    customer = await paying.superuser.fetchval(
        "SELECT stripe_customer_id FROM stripe_customers WHERE organization_id = $1",
        paying.organization,
    )
    await account.deliver(paying, customer)
    seen = await billing_of(paying)
    assert (seen["plan"], seen["status"]) == ("PRO", "ACTIVE")
    assert seen["card"] == {"brand": "visa", "last4": "4242"}
    (invoice,) = seen["invoices"]
    assert (invoice["status"], invoice["total"]) == ("paid", {"amount": 9900, "currency": "usd"})
    assert await paying.code("owner", CHECKOUT, **input_of(paying, **PRO)) == "ALREADY_EXISTS"

    wanted = input_of(paying, plan="SCALE", billingCycle="YEARLY", preview=True)
    preview = (await paying.ask("owner", CHANGE, **wanted))["preview"]
    wanted["input"] |= {"preview": False, "prorationDate": preview["prorationDate"]}
    await paying.ask("owner", CHANGE, **wanted)
    totals = {one["total"]["amount"] for one in (await billing_of(paying))["invoices"]}
    assert totals == {9900, preview["amountDue"]["amount"]}, "what was told is charged"


async def open_pages(paying, account):
    """Return the pages on which the world's organization can subscribe."""
    customer = await paying.superuser.fetchval(
        "SELECT stripe_customer_id FROM stripe_customers WHERE organization_id = $1",
        paying.organization,
    )
    return customer, await account.payments.api.checkouts_open(customer)


async def test_one_page_of_a_checkout_is_open_at_a_time(paying, account):
    """Also of requests at once; then some are told to try again."""
    first = await paying.ask("owner", CHECKOUT, **input_of(paying, **PRO))
    wanted = input_of(paying, plan="BUSINESS", billingCycle="YEARLY")
    second = await paying.ask("billing", CHECKOUT, **wanted)
    _, pages = await open_pages(paying, account)
    assert [page["id"] for page in pages] == [second["url"].rpartition("/")[2]]
    assert first["url"] != second["url"]
    codes = await asyncio.gather(
        *(paying.code("owner", CHECKOUT, **input_of(paying, **PRO)) for _ in range(5))
    )
    assert None in codes
    assert {*codes} <= {None, "BUSY"}
    _, pages = await open_pages(paying, account)
    assert len(pages) == 1


async def test_a_page_that_was_paid_for_counts_before_its_event_arrives(paying, account):
    if account.stand_in is None:
        pytest.skip("The page of Stripe's checkout is not filled in by this test.")
    page = await paying.ask("owner", CHECKOUT, **input_of(paying, **PRO))
    account.stand_in.complete(page["url"].rpartition("/")[2], "pm_card_visa")
    for query, fields in ((CHECKOUT, PRO), (TRIAL, {"plan": "BUSINESS"})):
        assert await paying.code("owner", query, **input_of(paying, **fields)) == "ALREADY_EXISTS"
    customer, pages = await open_pages(paying, account)
    assert (pages, (await billing_of(paying))["status"]) == ([], "ACTIVE")
    assert len(await account.payments.api.subscriptions(customer)) == 1


async def test_a_trial_closes_the_page_of_a_checkout(paying, account):
    await paying.ask("owner", CHECKOUT, **input_of(paying, **PRO))
    await paying.ask("owner", TRIAL, **input_of(paying, plan="BUSINESS"))
    _, pages = await open_pages(paying, account)
    assert pages == []


async def test_a_page_that_is_paid_for_meanwhile_leaves_one_subscription(
    paying, account, monkeypatch
):
    """The payment lies between the look at open pages and the request that closes this one."""
    if account.stand_in is None:
        pytest.skip("The page of Stripe's checkout is not filled in by this test.")
    look = StripeApi.checkouts_open
    looks = []

    async def paid_after(api, customer):
        pages = await look(api, customer)
        looks.append(len(pages))
        for page in pages if len(looks) == at else ():
            with suppress(Invalid):
                account.stand_in.complete(page["id"], "pm_card_visa")
        return pages

    await paying.ask("owner", CHECKOUT, **input_of(paying, **PRO))
    monkeypatch.setattr(StripeApi, "checkouts_open", paid_after)
    at = 1
    assert await paying.code("owner", TRIAL, **input_of(paying, plan="PRO")) == "ALREADY_EXISTS"
    monkeypatch.undo()
    customer, pages = await open_pages(paying, account)
    subscriptions = await account.payments.api.subscriptions(customer)
    assert [one["status"] for one in subscriptions if one["status"] != "canceled"] == ["active"]
    assert pages == []


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/",
        "http://localhost.elsewhere.example/",
        "http://localhost:81/",
        "//localhost/",
        "javascript:alert(1)",
        "http://localhost\\@elsewhere.example/",
        "http://localhost@elsewhere.example/",
        "http://localhost/" + "a" * 3000,
        "",
    ],
)
async def test_the_browser_returns_to_known_addresses_alone(paying, url):
    for query, name, fields in (
        (CHECKOUT, "successUrl", PRO),
        (CHECKOUT, "cancelUrl", PRO),
        (PORTAL, "returnUrl", {}),
    ):
        with pytest.raises(Refused) as refused:
            await paying.ask("owner", query, **input_of(paying, **fields, **{name: url}))
        assert (refused.value.code, refused.value.field) == ("INVALID", ["input", name])


async def test_the_browser_returns_to_this_site_and_to_pages_that_use_the_api(paying):
    for url in ("http://localhost/billing", "https://app.example/paid?a=1"):
        await paying.ask("owner", PORTAL, **input_of(paying, returnUrl=url))


async def test_a_trial_is_started_once_and_without_a_card(paying, account):
    started = await paying.ask("billing", TRIAL, **input_of(paying, plan="BUSINESS"))
    seen = started["organization"]["billing"]
    assert (seen["plan"], seen["status"]) == ("BUSINESS", "TRIALING")
    assert seen["trialEndsAt"]
    limits = "SELECT max_members FROM organizations WHERE id = $1"
    assert await paying.superuser.fetchval(limits, paying.organization) == 1000
    again = input_of(paying, plan="BUSINESS")
    assert await paying.code("owner", TRIAL, **again) == "ALREADY_EXISTS"
    ended = await paying.ask("owner", CANCEL, **input_of(paying, atOnce=True))
    assert ended["organization"]["billing"]["status"] == "CANCELLED"
    seen = await billing_of(paying)
    assert (seen["plan"], seen["status"]) == ("FREE", "CANCELLED")
    assert await paying.code("owner", TRIAL, **again) == "ALREADY_EXISTS", "there is one trial"


async def test_a_change_costs_what_its_preview_says(paying, account):
    clock = await account.clock()
    customer = await account.customer(paying, clock=clock.id, card="pm_card_visa")
    await paying.ask("owner", TRIAL, **input_of(paying, plan="STARTER"))
    await account.advance(clock, 15)
    await account.deliver(paying, customer)
    assert (await billing_of(paying))["status"] == "ACTIVE"
    await account.advance(clock, 10)
    wanted = input_of(paying, plan="BUSINESS", billingCycle="MONTHLY", preview=True)
    told = await paying.ask("owner", CHANGE, **wanted)
    preview = told["preview"]
    assert preview["exceededLimits"] == []
    assert preview["amountDue"]["currency"] == "usd"
    amounts = [line["amount"]["amount"] for line in preview["lines"]]
    assert min(amounts) < 0 < preview["amountDue"]["amount"] == sum(amounts)
    assert told["organization"]["billing"]["plan"] == "STARTER", "nothing has changed"

    wanted["input"]["preview"] = False  # the clock has a time of its own, which stands still
    changed = await paying.ask("owner", CHANGE, **wanted)
    assert changed["organization"]["billing"]["plan"] == "BUSINESS"
    assert changed["preview"] is None
    newest = (await billing_of(paying))["invoices"][0]
    assert newest["total"]["amount"] == preview["amountDue"]["amount"]
    assert type(newest["total"]["amount"]) is int, "money is never a float"


async def test_a_declined_card_changes_nothing(paying, account):
    clock = await account.clock()
    customer = await account.customer(paying, clock=clock.id, card="pm_card_visa")
    await paying.ask("owner", TRIAL, **input_of(paying, plan="STARTER"))
    await account.advance(clock, 15)
    await account.card(customer, "pm_card_chargeCustomerFail")
    wanted = input_of(paying, plan="SCALE", billingCycle="YEARLY")
    assert await paying.code("owner", CHANGE, **wanted) == "PAYMENT_REQUIRED"
    await account.deliver(paying, customer)
    assert (await billing_of(paying))["plan"] == "STARTER"


async def test_a_subscription_ends_with_its_period_unless_it_is_resumed(paying):
    await paying.ask("owner", TRIAL, **input_of(paying, plan="PRO"))
    for query, ends in ((CANCEL, True), (RESUME, False), (CANCEL, True)):
        done = await paying.ask("billing", query, **input_of(paying))
        seen = done["organization"]["billing"]
        assert (seen["status"], seen["cancelAtPeriodEnd"]) == ("TRIALING", ends)


async def test_what_has_changed_in_stripe_is_refused_and_read_again(paying, account):
    await paying.ask("owner", TRIAL, **input_of(paying, plan="PRO"))
    id = await paying.superuser.fetchval(
        "SELECT stripe_subscription_id FROM stripe_customers WHERE organization_id = $1",
        paying.organization,
    )
    await account.do(account.stripe.v1.subscriptions.cancel, id)
    assert (await billing_of(paying))["status"] == "TRIALING", "no event has told of it"
    assert await paying.code("owner", CANCEL, **input_of(paying)) == "INVALID"
    seen = await billing_of(paying)
    assert (seen["status"], seen["plan"]) == ("CANCELLED", "FREE")


async def test_a_trial_whose_answer_was_lost_is_the_one_trial(paying, account):
    if account.stand_in is None:
        pytest.skip("Stripe loses no answers on request.")
    await paying.ask("owner", CHECKOUT, **input_of(paying, **PRO))
    account.stand_in.failures = [500] * 3
    account.stand_in.failing = "POST /v1/subscriptions"
    assert await paying.code("owner", TRIAL, **input_of(paying, plan="PRO")) == "BUSY"
    assert (await billing_of(paying))["status"] is None
    account.stand_in.failing = ""
    other = input_of(paying, plan="BUSINESS")
    assert await paying.code("owner", TRIAL, **other) == "ALREADY_EXISTS"
    seen = await billing_of(paying)
    assert (seen["status"], seen["plan"]) == ("TRIALING", "PRO")


async def test_what_is_not_sold_or_not_subscribed_is_invalid(paying):
    for plan in ("FREE", "ENTERPRISE"):
        wanted = input_of(paying, plan=plan, billingCycle="YEARLY")
        with pytest.raises(Refused) as refused:
            await paying.ask("owner", CHECKOUT, **wanted)
        assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "plan"])
    for query, fields in ((CHANGE, PRO), (CANCEL, {}), (RESUME, {})):
        assert await paying.code("owner", query, **input_of(paying, **fields)) == "INVALID"


async def test_an_answer_that_is_lost_is_asked_for_again_and_done_once(paying, account):
    if account.stand_in is None:
        pytest.skip("Stripe loses no answers on request.")
    account.stand_in.failures = [500, 503]
    before = len(account.stand_in.objects["customers"])
    await paying.ask("owner", PORTAL, **input_of(paying))
    assert len(account.stand_in.objects["customers"]) == before + 1
    account.stand_in.failures = [500] * 10
    assert await paying.code("owner", PORTAL, **input_of(paying)) == "BUSY"
    account.stand_in.failures = []
