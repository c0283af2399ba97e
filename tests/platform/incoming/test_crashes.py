"""Events of Stripe are applied once each, while connections are cut before they commit."""

import asyncio
import random

import pytest

from graph.platform.billing.notices import NOTIFY
from tests.platform.billing.test_events import invoice
from tests.platform.incoming.conftest import founded
from tests.platform.incoming.sending import SECRET, send, subscription
from tests.platform.incoming.test_receiving import handle_all, state
from tests.platform.jobs.kinds import worker

CRASHING = (1, 4, 7)
"""The commits that crash, of each ten that store an event or note that it is processed."""
BEGIN = f"""
CREATE SEQUENCE public.commits;
CREATE FUNCTION public.crash() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF nextval('public.commits') % 10 IN {CRASHING} THEN
        PERFORM pg_terminate_backend(pg_backend_pid());
        PERFORM pg_sleep(60);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER crash_stored AFTER INSERT ON webhook_events
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.crash();
CREATE CONSTRAINT TRIGGER crash_processed AFTER UPDATE OF status ON webhook_events
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (old.status IS DISTINCT FROM new.status)
EXECUTE FUNCTION public.crash()
"""
END = "DROP FUNCTION public.crash() CASCADE; DROP SEQUENCE public.commits"
DUE = """UPDATE jobs SET run_at = now(), lease_expires_at = lease_expires_at - interval '1 day'
WHERE kind = 'webhooks.stripe' AND status IN ('queued', 'running') RETURNING 1"""
TOLD = """SELECT user_id, count(*) AS number FROM notifications
WHERE organization_id = $1 AND metadata ->> 'event' = 'payment_failed' GROUP BY 1"""


@pytest.fixture
async def crashes(superuser):
    """Have three of ten commits of events crash; yield a function that counts both."""
    await superuser.execute(BEGIN)

    async def counted():
        commits = await superuser.fetchval("SELECT last_value FROM public.commits")
        return sum(n % 10 in CRASHING for n in range(1, commits + 1)), commits

    yield counted
    await superuser.execute(END)


async def deliver(receiving, left):
    """Send events as their sender does: again, until they are taken."""
    while left:
        event = left.pop()
        answer = await send(receiving, event, SECRET)
        if answer.status_code != 200:
            assert answer.status_code == 503, answer.text
            left.append(event)


@pytest.mark.slow
async def test_of_200_events_three_times_each_in_any_order_every_one_is_applied_once(
    world, other_world, receiving, customer, crashes
):
    chance = random.Random(7)
    customers = {customer: world}
    customers[await founded(other_world, other_world.organization)] = other_world
    events = []
    for id in customers:
        events += [
            subscription(id, at=n, status=chance.choice(["active", "past_due"])) for n in range(80)
        ]
        failed = [invoice(id, at=n, status="open", id=f"in_{n}", born=n) for n in range(20)]
        events += [event | {"type": "invoice.payment_failed"} for event in failed]
    deliveries = events * 3
    chance.shuffle(deliveries)

    sending = [asyncio.create_task(deliver(receiving, deliveries)) for _ in range(6)]
    while not all(task.done() for task in sending):
        await handle_all(world)
        await asyncio.sleep(0)
    await asyncio.gather(*sending)
    async with asyncio.timeout(60):
        while await world.superuser.fetchval(DUE):
            await handle_all(world)
    await worker(world.database, NOTIFY).run_due()

    cut, commits = await crashes()
    assert commits >= 400 + cut
    assert cut >= 0.29 * commits
    found = await world.superuser.fetch(
        "SELECT status, count(*) FROM webhook_events WHERE external_id = ANY ($1) GROUP BY 1",
        [event["id"] for event in events],
    )
    assert [tuple(row) for row in found] == [("processed", 200)]
    for id, mine in customers.items():
        newest = max(event["created"] for event in events[:80])
        kept = await state(mine, id)
        assert kept["current_period_start"].timestamp() == newest
        changes = [record["new_data"] for record in await mine.records(kept["id"])]
        periods = [text.split('"current_period_start": "')[1][:19] for text in changes]
        assert periods == sorted(set(periods)), "no state is applied twice, or after a newer one"
        told = {
            row["user_id"]: row["number"]
            for row in await mine.superuser.fetch(TOLD, mine.organization)
        }
        assert told == {mine.people["owner"]: 20, mine.people["billing"]: 20}
