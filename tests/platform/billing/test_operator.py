"""The commands of `gateway billing`: plans, agreed limits, and the table of plans in Stripe."""

import asyncio

import pytest
from typer.testing import CliRunner

from db.core.plans import METERS, PRICES
from db.problem import Problem
from graph.cli import app
from graph.platform.billing.states import price_key
from graph.platform.billing.sync import sync
from graph.settings import SettingsError
from tests.core.test_limits import PROJECT, limit, usage
from tests.platform.billing.asking import TRIAL, input_of


async def run(database_dsn, *arguments, **environment):
    """Run a command of `gateway billing`; return its result."""
    result = await asyncio.to_thread(
        CliRunner().invoke,
        app,
        ["billing", *map(str, arguments)],
        env={"DATABASE_URL": database_dsn, **environment},
    )
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.slow
async def test_a_limit_that_was_agreed_holds_in_place_of_the_plan(world, database_dsn):
    organization = world.organization
    await run(database_dsn, "limit", organization, "projects", 2)
    await world.ask("admin", PROJECT, organization=organization, slug="one")
    refused = {"organization": organization, "slug": "two"}
    assert await world.code("admin", PROJECT, **refused) == "LIMIT_REACHED"
    await run(database_dsn, "limit", organization, "projects", 30)
    await world.ask("admin", PROJECT, **refused)
    await run(database_dsn, "limit", organization, "members", 40)
    await run(database_dsn, "limit", organization, "monthly_requests", 300_000)
    maxima = {name: used["maximum"] for name, used in (await usage(world)).items()}
    assert maxima == {"members": 40, "projects": 30, "monthlyRequests": 300_000}
    await run(database_dsn, "set", organization, "pro")
    maxima = {name: used["maximum"] for name, used in (await usage(world)).items()}
    assert maxima == {"members": 40, "projects": 30, "monthlyRequests": 300_000}
    for name in ("members", "projects", "monthly_requests"):
        await run(database_dsn, "limit", organization, name)
    maxima = {name: used["maximum"] for name, used in (await usage(world)).items()}
    assert maxima == {"members": 100, "projects": 200, "monthlyRequests": 2_000_000}
    for name, value in (("beans", 1), ("members", 0), ("members", 10**12)):
        with pytest.raises(Problem):
            await run(database_dsn, "limit", organization, name, value)


async def test_a_subscription_decides_the_plan(paying, database_dsn):
    await paying.ask("owner", TRIAL, **input_of(paying, plan="PRO"))
    with pytest.raises(Problem, match="A subscription in Stripe decides"):
        await run(database_dsn, "set", paying.organization, "free")
    result = await run(database_dsn, "set", paying.organization, "enterprise", "--force")
    assert "pro before, enterprise now" in result.stderr
    await limit(paying, billing_plan="pro")


async def test_the_table_of_plans_is_synchronized_once(account):
    assert await sync(account.payments.api, dry_run=False) == []
    keys = [price_key(plan, interval) for plan, own in PRICES.items() for interval in own]
    prices = {one["lookup_key"]: one for one in await account.payments.api.prices(keys)}
    assert len(prices) == 12
    assert {m["event_name"] for m in await account.payments.api.meters()} >= {*METERS.values()}


async def test_a_price_that_changed_is_replaced(account, monkeypatch):
    if account.stand_in is None:
        pytest.skip("The prices of the test account stay as they are.")
    plan, interval = next((p, i) for p, own in PRICES.items() for i in own)
    monkeypatch.setitem(PRICES[plan], interval, 3_100)
    api, key = account.payments.api, price_key(plan, interval)
    (told,) = await sync(api, dry_run=True)
    assert told == f"price {key} 3100 usd: replaced, 2900 before"
    (before,) = await api.prices([key])
    assert before["unit_amount"] == 2_900, "a dry run changes nothing"
    assert await sync(api, dry_run=False) == [told]
    (now,) = await api.prices([key])
    assert now["unit_amount"] == 3_100
    assert await sync(api, dry_run=False) == []
    monkeypatch.undo()
    assert len(await sync(api, dry_run=False)) == 1


async def test_without_a_key_there_is_nothing_to_synchronize(database_dsn):
    with pytest.raises(SettingsError, match="Billing is off"):
        await run(database_dsn, "sync", STRIPE_SECRET_KEY="")


async def test_plans_are_listed_with_their_prices(database_dsn):
    lines = (await run(database_dsn, "plans")).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "free",
        "starter",
        "pro",
        "business",
        "scale",
        "enterprise",
    ]
    assert "monthly 9900 usd" in lines[2]
    assert "members - " in lines[5]
