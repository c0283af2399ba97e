"""The recurring jobs of billing, and its notices: caches are kept fresh, and reports sent."""

from uuid import UUID

import pytest

from db import billing
from db.pool import NOBODY
from graph.platform.billing import jobs
from tests.auth.test_mail import smtp  # noqa: F401 (a fixture)
from tests.core.test_limits import limit
from tests.core.test_notification_preferences import change, stored
from tests.platform.billing.asking import CREATE, TRIAL, billing_of, input_of
from tests.platform.billing.test_usage import enqueue_warnings
from tests.platform.jobs.kinds import worker
from tests.platform.test_notification_mail import post  # noqa: F401 (a fixture)

CACHE = """SELECT current_period_usage ->> 'monthly_requests' AS requests,
    billing_status ->> 'plan' AS plan FROM billing_cache WHERE organization_id = $1"""


async def test_notices_of_billing_are_mailed_unless_their_recipient_says_else(world, post):  # noqa: F811
    await world.superuser.execute(
        "UPDATE organization_members SET role = 'billing' WHERE id = $1", world.members["viewer"]
    )
    await change(world, "billing", BILLING={"mail": "OFF", "inApp": False})
    await limit(world, max_monthly_requests=1)
    await world.ask("editor", CREATE, document=world.document)
    await enqueue_warnings(world)
    assert await stored(world, "owner") == [("billing", True, "at_once")]
    assert await stored(world, "billing") == [("billing", False, "off")]
    (sent,) = await post()
    assert sent["Subject"] == "The organization has used all of a limit of its plan."
    text = sent.get_content()
    assert "1 of 1 writing requests of this month are used." in text
    assert f"https://gateway.example/billing?organization={world.organization}" in text


async def test_the_cache_follows_plan_and_usage(world):
    job = worker(world.database, jobs.REFRESH)
    await job.schedule()
    await world.superuser.execute("UPDATE jobs SET run_at = now() WHERE kind = 'billing.refresh'")
    await job.run_due()
    assert tuple(await world.superuser.fetchrow(CACHE, world.organization)) == ("0", "free")
    assert (await billing_of(world))["syncedAt"]

    async def refreshed():
        before = UUID(int=world.organization.int - 1)
        async with world.database.auth.lend(NOBODY, in_transaction=True) as lent:
            number, last = await billing.refresh_page(lent, before, 1)
        assert last == world.organization
        return number

    assert await refreshed() == 0, "nothing has changed"
    await world.ask("editor", CREATE, document=world.document)
    await limit(world, billing_plan="pro")
    assert [await refreshed(), await refreshed()] == [1, 0]
    assert tuple(await world.superuser.fetchrow(CACHE, world.organization)) == ("1", "pro")
    await world.superuser.execute(
        "UPDATE billing_cache SET synced_at = now() - interval '61 minutes'"
        " WHERE organization_id = $1",
        world.organization,
    )
    assert await refreshed() == 1, "once an hour"


async def test_a_report_that_stripe_refuses_does_not_stop_the_others(paying, account):
    if account.stand_in is None:
        pytest.skip("The meters of the test account stay active.")
    await paying.ask("owner", TRIAL, **input_of(paying, plan="PRO"))
    await paying.ask("editor", CREATE, document=paying.document)
    await paying.superuser.execute(
        "INSERT INTO credit_counters (organization_id, month, used) VALUES ($1,"
        " date_trunc('month', now() AT TIME ZONE 'UTC'), 7)",
        paying.organization,
    )
    meters = account.stand_in.objects["meters"].values()
    (credits,) = (one for one in meters if one["event_name"] == "gateway_credits")
    credits["status"] = "inactive"
    _, refused = await jobs.report(paying.database, account.payments.api)
    assert (refused, await unsent(paying)) == (1, [("credits", 7)])
    credits["status"] = "active"
    _, refused = await jobs.report(paying.database, account.payments.api)
    assert (refused, await unsent(paying)) == (0, [])


async def unsent(world):
    """Return the reports of the world's organization that are not sent."""
    rows = await world.superuser.fetch(
        "SELECT meter, quantity FROM meter_reports WHERE sent_at IS NULL AND organization_id = $1",
        world.organization,
    )
    return [tuple(row) for row in rows]
