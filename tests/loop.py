"""Measurements of the event loop: how long it is blocked, and how long it has run."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TICK = 0.002
ROUND = 0.02
"""Seconds between two looks at the clock, of which twice as many count at most."""
BUSY = 0.25
"""The longest acceptable stall in seconds: far more than usual, since machines are busy."""


class Watch:
    """The longest time that due callbacks had to wait."""

    longest = 0.0


@asynccontextmanager
async def watched() -> AsyncIterator[Watch]:
    """Watch the loop while the block runs; `longest` is then its longest stall, in seconds.

    A stall is measured in processor time of the loop's thread: the load of other programs and of
    other threads is not in it. Objects of earlier tests are frozen, so that the garbage collector
    does not visit them.
    """
    watch = Watch()
    gc.freeze()

    async def look() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(TICK)
            watch.longest = max(watch.longest, time.thread_time() - began)

    looking = asyncio.create_task(look())
    await asyncio.sleep(0)
    try:
        yield watch
        await asyncio.sleep(TICK)
    finally:
        looking.cancel()
        gc.unfreeze()


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError when the block takes longer than this, in seconds of a running loop.

    While a busy machine runs other programs, the loop stands still, and so does this clock.
    """
    loop = asyncio.get_running_loop()

    async def count(limit: asyncio.Timeout) -> None:
        spent = 0.0
        while spent < seconds:
            began = time.monotonic()
            await asyncio.sleep(ROUND)
            spent += min(time.monotonic() - began, 2 * ROUND)
        limit.reschedule(loop.time())

    async with asyncio.timeout(None) as limit:
        counting = asyncio.create_task(count(limit))
        try:
            yield
        finally:
            counting.cancel()
