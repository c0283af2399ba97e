"""The dispatcher: it holds the endpoints that are due, and has messages sent to them."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from functools import partial
from uuid import UUID

import asyncpg
import structlog
from uuid_utils.compat import uuid7

from db import webhook_queue as queue
from db.attempts import Attempts
from db.feed.sequencing import Head, head
from db.pool import UNREACHABLE
from graph.platform.webhooks.serving import Serving, Shared

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=10)
"""Time for which a worker is taken to live, unless it extends it: it does four times as often."""
POLL = 0.5
"""Seconds between two looks for endpoints that are due, without a wake-up."""
THROTTLE = 0.05
"""Seconds between two looks at least, however often it is woken."""
MAX_ENDPOINTS, MAX_FAILING = 200, 50
"""Endpoints that one worker holds, at most, and those among them that have failed lately."""
MAX_STEP = 1000
"""Positions of the feed between two looks, up to which the streams of its events are looked up."""
STEP = 8
"""Endpoints that a worker holds, at most, beyond its share of those that all of them hold."""
RECONNECT_DELAY = 0.5
DRAIN = 5.0
"""Seconds that requests have to be answered when the dispatcher stops."""


class Dispatcher:
    """Sends webhooks while `run` runs. Any number of processes may have one."""

    def __init__(self, shared: Shared, *, poll: float = POLL, lease: timedelta = LEASE) -> None:
        self._shared, self._poll, self._lease = shared, poll, lease
        self._servings: dict[UUID, tuple[Serving, asyncio.Task[None]]] = {}
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin nothing more; `run` returns when what is being sent has an answer."""
        self._stopping.set()
        self._woken.set()

    async def run(self) -> None:
        """Send until `stop` is called, or the task is cancelled."""
        attempts = Attempts("webhooks")
        while not self._stopping.is_set():
            try:
                connection = await self._connected()
            except (*UNREACHABLE, asyncpg.PostgresError):
                await asyncio.sleep(RECONNECT_DELAY)
                continue
            try:
                await self._work(connection)
                attempts.succeeded()
            except UNREACHABLE:
                log.info("the connection of the dispatcher was lost")
            except asyncpg.PostgresError as error:
                attempts.failed(error)
            finally:
                connection.terminate()
            if not self._stopping.is_set():
                await asyncio.sleep(RECONNECT_DELAY)

    async def _connected(self) -> asyncpg.Connection:
        return await self._shared.database.listen("feed", lambda _: self._woken.set())

    async def _work(self, connection: asyncpg.Connection) -> None:
        """Hold and serve endpoints as one worker, until its connection or its lease is lost."""
        shared, worker = self._shared, uuid7()
        locks = not shared.database.pools_transactions
        await queue.register(connection, worker, self._lease, locks=locks)
        shared.worker, shared.is_alive = worker, True
        try:
            await self._serve(connection, worker)
        finally:
            if not self._stopping.is_set():
                shared.is_alive = False
            await self._end_servings()
            shared.is_alive = False
        with suppress(*UNREACHABLE, asyncpg.PostgresError):
            await queue.leave(connection, worker)

    async def _serve(self, connection: asyncpg.Connection, worker: UUID) -> None:
        loop = asyncio.get_running_loop()
        extended, looked = loop.time(), 0.0
        while not self._stopping.is_set():
            self._woken.clear()
            if loop.time() - extended >= self._lease.total_seconds() / 4:
                if not await queue.extend(connection, worker, self._lease):
                    log.warning("the dispatcher was taken for dead")
                    return
                extended = loop.time()
            past, now = self._shared.head, await head(connection)
            is_poll = loop.time() - looked >= self._poll
            if is_poll:
                looked = loop.time()
            if is_poll or now != past:
                self._shared.head = now
                await self._wake(connection, past, now, everything=is_poll)
                await self._claim(connection, worker)
            await asyncio.sleep(THROTTLE)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(self._poll - THROTTLE, 0.01)):
                    await self._woken.wait()

    async def _wake(
        self, connection: asyncpg.Connection, past: Head, now: Head, *, everything: bool
    ) -> None:
        """Wake the endpoints whose streams have something new; `everything` for other causes."""
        new: set[UUID] | None = None
        if past.epoch == now.epoch and now.position - past.position <= MAX_STEP:
            step = past.position, now.position
            new = await queue.streams(connection, *step) if now != past else set()
        for serving, _ in self._servings.values():
            is_new = new is None or serving.stream in new
            if not is_new:
                serving.skip(past, now)
            if is_new or everything:
                serving.wake()

    async def _claim(self, connection: asyncpg.Connection, worker: UUID) -> None:
        failing = sum(1 for serving, _ in self._servings.values() if serving.fails)
        free = MAX_ENDPOINTS - len(self._servings)
        self._shared.may_linger = free > MAX_ENDPOINTS // 2
        self._shared.workers, held = await queue.load(connection)
        if self._shared.workers > 1:
            free = min(free, held // self._shared.workers + STEP - len(self._servings))
        if free <= 0:
            return
        head_position, room = self._shared.head.position, max(MAX_FAILING - failing, 0)
        claimed = await queue.claim(connection, worker, head_position, free, room)
        if len(claimed) == free:
            self._woken.set()  # there may be more
        for endpoint in claimed:
            serving = Serving(self._shared, endpoint)
            task = asyncio.create_task(serving.run())
            self._servings[endpoint.endpoint_id] = serving, task
            task.add_done_callback(partial(self._served, endpoint.endpoint_id))
        self._shared.metrics.endpoints.set(len(self._servings))

    def _served(self, endpoint: UUID, task: "asyncio.Task[None]") -> None:
        if self._servings.get(endpoint, (None, None))[1] is task:
            del self._servings[endpoint]
        self._shared.metrics.endpoints.set(len(self._servings))
        if not task.cancelled() and (error := task.exception()):
            log.error("webhooks", endpoint=str(endpoint), exc_info=error)
        self._woken.set()

    async def _end_servings(self) -> None:
        """Let requests be answered for a while, then give up those that are left."""
        tasks = [task for _, task in self._servings.values()]
        for serving, _ in self._servings.values():
            serving.stop()
        if not tasks:
            return
        try:
            if self._shared.is_alive:
                await asyncio.wait(tasks, timeout=DRAIN)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
