"""The tail of the feed: a node's one connection that reads new events and passes them on.

One node of the cluster also sequences: the one whose connection holds the advisory lock. When it
dies or hangs, the server closes its connection, and the next node that tries takes the lock. The
others are woken by NOTIFY, and also poll from time to time. Behind a proxy that pools by
transaction a lock would outlive its node, and there are no notifications: there every node
sequences. A standby takes no writes and carries no NOTIFY: a node on it polls, and sequences once
the standby is promoted.
"""

import asyncio
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import Protocol
from uuid import UUID

import asyncpg
import structlog

from db.attempts import Attempts
from db.feed.reading import Event, read
from db.feed.sequencing import Head, head, lead, sequence, takes_writes
from db.pool import UNREACHABLE, Database
from graph.live.bus import Bus
from graph.live.tasks import together

log = structlog.get_logger(__name__)

BATCH_SIZE = 1000
"""Events that are read by one statement."""
MAX_IN_MEMORY = 10_000
"""The number of newest events in memory, for clients that reconnect soon."""
BUSY_PAUSE, IDLE_PAUSE = 0.01, 0.05
"""Seconds between two polls of the sequencing node while events arrive, and while none do."""
BUSY_TIME = 2.0
"""Seconds after an event in which more are expected."""
POLL_INTERVAL = 0.5
"""Seconds after which a node polls without a wake-up, and tries to take the sequencer's lock."""
RECONNECT_DELAY = 0.2
"""Seconds until a lost connection is opened again."""


class Follower(Protocol):
    """The receiver of the events."""

    def dispatch(self, events: list[Event]) -> None:
        """Receive the next events, in order."""

    def restart(self, now: Head) -> None:
        """Restart at this position: earlier events are lost, or of another order."""


class Tail:
    """Reads the feed for this node while `run` runs.

    `bus` wakes the nodes, too, where there is one. A lost message only delays events.
    """

    def __init__(self, database: Database, follower: Follower, bus: Bus | None = None) -> None:
        self._database, self._follower, self._bus = database, follower, bus
        self._woken = asyncio.Event()
        self._leads = self._anew = False
        self._last_event = 0.0
        self.recent: deque[Event] = deque(maxlen=MAX_IN_MEMORY)
        self.epoch: UUID | None = None
        self.position = 0
        self.started = asyncio.Event()
        """Set once the newest position of the feed is known."""

    def wake(self) -> None:
        """Read new events now, because something may have been committed."""
        self._woken.set()

    def begin_anew(self) -> None:
        """Continue from the newest position: it is not known which events were passed on."""
        self._anew = True

    def remembers(self, position: int) -> bool:
        """Return whether every event after this position is in memory."""
        return position >= self.position or (
            bool(self.recent) and self.recent[0].position <= position + 1
        )

    def between(self, after: int, up_to: int) -> list[Event]:
        """Return the events in memory of these positions, which have no gaps."""
        if not self.recent:
            return []
        first = self.recent[0].position
        return list(islice(self.recent, max(0, after + 1 - first), max(0, up_to + 1 - first)))

    async def run(self) -> None:
        """Follow the feed until the task is cancelled."""
        works = [self._follow_always()]
        if self._bus:
            works.append(self._bus.run(lambda _: self._hear(), self.wake))
        await together(*works)

    async def _follow_always(self) -> None:
        attempts = Attempts("feed")
        while True:
            try:
                connection, hears = await self._connected()
            except (*UNREACHABLE, asyncpg.PostgresError):
                await asyncio.sleep(RECONNECT_DELAY)
                continue
            try:
                await self._follow(connection, attempts, hears=hears)
            except UNREACHABLE:
                log.info("the feed's connection was lost")
            except asyncpg.PostgresError as error:
                attempts.failed(error)
            finally:
                self._leads = False
                connection.terminate()
            await asyncio.sleep(RECONNECT_DELAY)

    async def _connected(self) -> tuple[asyncpg.Connection, bool]:
        """Return a connection, and whether it has notifications."""
        try:
            return await self._database.listen("feed", lambda _: self.wake()), True
        except asyncpg.ReadOnlySQLTransactionError:
            return await self._database.look(), False

    async def _follow(
        self, connection: asyncpg.Connection, attempts: Attempts, *, hears: bool
    ) -> None:
        asked = 0.0
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            if not self._leads and loop.time() - asked >= POLL_INTERVAL:
                asked, writes = loop.time(), await takes_writes(connection)
                if writes and not hears:  # the standby has been promoted
                    return
                self._leads = writes and await self._may_lead(connection)
            now = await (sequence if self._leads else head)(connection)
            attempts.succeeded()
            if self._bus and self._leads and now.position > self.position:
                self._bus.publish(str(now.position))
            await self._catch_up(connection, now)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause(loop.time())):
                    await self._woken.wait()

    async def _may_lead(self, connection: asyncpg.Connection) -> bool:
        return self._database.pools_transactions or await lead(connection)

    def _hear(self) -> None:
        if not self._leads:  # it has said so itself
            self.wake()

    def _pause(self, now: float) -> float:
        if not self._leads:
            return POLL_INTERVAL
        return BUSY_PAUSE if now - self._last_event < BUSY_TIME else IDLE_PAUSE

    async def _catch_up(self, connection: asyncpg.Connection, now: Head) -> None:
        if self._anew or now.epoch != self.epoch or now.position < self.position:
            self._restart(now)
        while self.position < now.position:
            events = await read(
                connection,
                "everything",
                None,
                after=self.position,
                up_to=now.position,
                most=BATCH_SIZE,
            )
            if not events or events[0].position != self.position + 1:
                self._restart(now)  # what is in between was forgotten while this node was away
                return
            self.recent.extend(events)
            self._last_event = asyncio.get_running_loop().time()
            self.position = events[-1].position
            self._follower.dispatch(events)

    def _restart(self, now: Head) -> None:
        if self.started.is_set():
            log.warning("the feed begins anew", position=now.position)
        self._anew = False
        self.recent.clear()
        self.epoch, self.position = now.epoch, now.position
        self._follower.restart(now)
        self.started.set()
