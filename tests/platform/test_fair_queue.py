"""Slots are shared among tenants, and no request has more than a few."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.fair_queue import GATEWAY, FairQueue

PATIENCE = 60.0


async def waiters(queue: FairQueue, tenant: str, number: int, holder: object = None):
    """Return tasks that each take a slot, all of them after their first step."""
    tasks = [asyncio.create_task(queue.take(tenant, holder, PATIENCE)) for _ in range(number)]
    await settled()
    return tasks


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def served(tasks: list[asyncio.Task[None]]) -> int:
    return sum(task.done() for task in tasks)


async def end(*groups: list[asyncio.Task[None]]) -> None:
    for task in (task for group in groups for task in group):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_one_tenant_leaves_slots_for_the_next():
    queue = FairQueue(10, per_holder=3)
    first = await waiters(queue, "a", 20)
    assert served(first) == 7
    second = await waiters(queue, "b", 20)
    assert served(second) == 2
    third = await waiters(queue, "c", 1)
    assert served(third) == 1
    await end(first, second, third)


@pytest.mark.parametrize("holder", [None, "request"])
async def test_a_slot_that_comes_as_its_waiter_gives_up_is_not_lost(holder):
    queue = FairQueue(1, per_holder=1)
    await queue.take("a", None, PATIENCE)
    (waiter,) = await waiters(queue, "b", 1, holder)
    waiter.cancel()
    queue.give("a", None)  # before the waiter has run again
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert (queue.free, queue.waiting) == (1, 0)
    await queue.take("c", holder, 0.01)
    assert queue.free == 0


async def test_who_holds_less_is_served_first():
    queue = FairQueue(4, per_holder=9)
    first = await waiters(queue, "a", 20)
    assert served(first) == 3
    await waiters(queue, "x", 1)
    second = await waiters(queue, "b", 2)
    assert served(second) == 0
    queue.give("a", None)
    await settled()
    assert (served(first), served(second)) == (3, 1)
    await end(first, second)


async def test_a_holder_has_a_few_slots_and_the_others_of_its_tenant_go_on():
    queue = FairQueue(10, per_holder=3)
    request = object()
    first = await waiters(queue, "a", 20, request)
    assert served(first) == 3
    second = await waiters(queue, "a", 2, object())
    assert served(second) == 2
    queue.give("a", request)
    await settled()
    assert served(first) == 4
    await end(first, second)


async def test_the_gateway_itself_comes_first_and_may_hold_everything():
    queue = FairQueue(3, per_holder=1)
    own = await waiters(queue, GATEWAY, 3)
    assert served(own) == 3
    first, more = await waiters(queue, "a", 1), await waiters(queue, GATEWAY, 1)
    queue.give(GATEWAY, None)
    await settled()
    assert (served(first), served(more)) == (0, 1)
    await end(first, more)


async def test_a_pool_of_one_serves_everybody():
    queue = FairQueue(1, per_holder=3)
    first, second = await waiters(queue, "a", 2), await waiters(queue, "b", 1)
    for _ in range(2):
        queue.give("a" if served(second) == 0 else "b", None)
        await settled()
    assert (served(first), served(second)) == (2, 1)


async def test_who_waits_too_long_is_told_and_holds_nothing():
    queue = FairQueue(1, per_holder=1)
    request = object()
    await queue.take("a", None, PATIENCE)
    with pytest.raises(TimeoutError):
        await queue.take("b", request, 0.01)
    assert queue.waiting == 0
    queue.give("a", None)
    await queue.take("b", request, PATIENCE)


STEPS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([None, 1, 2]), st.integers(0, 4)),
    max_size=40,
)


class Crowd:
    """The tasks that wait for slots of a queue, and the one that has each."""

    def __init__(self, size: int) -> None:
        self.queue = FairQueue(size, per_holder=2)
        self.tasks: dict[asyncio.Task[None], tuple[str, object]] = {}
        self.held: list[tuple[str, object]] = []

    async def collect(self) -> None:
        await settled()
        done = [task for task in self.tasks if task.done()]
        self.held.extend(self.tasks.pop(task) for task in done)
        for each in (1, 2):
            assert sum(holder == each for _, holder in self.held) <= 2

    def act(self, tenant: str, holder: object, action: int) -> None:
        if action == 0 and self.held:
            self.queue.give(*self.held.pop())
        elif action == 1 and self.tasks:
            task = next(iter(self.tasks))
            del self.tasks[task]
            task.cancel()  # perhaps just as it is being served
        else:
            task = asyncio.create_task(self.queue.take(tenant, holder, PATIENCE))
            self.tasks[task] = tenant, holder


@given(steps=STEPS, size=st.integers(1, 6))
def test_whatever_happens_no_slot_is_lost_and_nobody_waits_for_ever(steps, size):
    async def go() -> None:
        crowd = Crowd(size)
        for tenant, holder, action in steps:
            crowd.act(tenant, holder, action)
            if action != 2:  # else the next step comes before this one has been served
                await crowd.collect()
        await crowd.collect()
        while crowd.tasks or crowd.held:
            if crowd.held:
                crowd.queue.give(*crowd.held.pop())
            await crowd.collect()
        assert (crowd.queue.free, crowd.queue.waiting) == (size, 0)

    asyncio.run(go())
