"""The message bus between nodes: it carries short messages, and may lose some.

A message is never the only copy of anything. Its users must reach the right state, if later, when
messages are lost, or when none arrive for a while.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import asyncpg
import structlog

from auth.secret import keyed_digest
from auth.settings import AuthSettings
from db.pool import UNREACHABLE, Database

log = structlog.get_logger(__name__)

MAX_MESSAGE_BYTES = 7900
"""Bytes of a message: PostgreSQL's NOTIFY takes less than 8,000."""
MAX_QUEUED = 1000
"""Messages that wait to be sent; more are lost."""
CHECK_INTERVAL = 5.0
"""Seconds without a message after which the connection is checked."""
SHUTDOWN_TIMEOUT = 1.0
"""Seconds for which a stopping node sends pending messages."""
MIN_BACKOFF, MAX_BACKOFF = 0.2, 5.0
"""Seconds until a lost connection is opened again: twice as many after each failure."""


class Bus(Protocol):
    """Carries messages of MAX_MESSAGE_BYTES at most from each node to all, in the sender's order.

    The sender receives them, too.
    """

    async def run(self, hear: Callable[[str], None], connected: Callable[[], None]) -> None:
        """Carry messages until the task is cancelled, then send pending ones.

        `connected` is called after each connection: messages before it may have been lost.
        """

    def publish(self, message: str) -> None:
        """Send a message as soon as possible. It neither waits nor fails."""


def channel_of(settings: AuthSettings, name: str) -> str:
    """Return a channel that only processes with the gateway's secret know.

    PostgreSQL and Redis let everybody who connects listen to a channel whose name they know, and
    send to it: messages of all tenants, to whoever runs SQL of their own.
    """
    return f"gateway:{keyed_digest(settings, 'bus', name).hex()[:32]}:{name}"


class Backoff:
    """The pauses between attempts to connect."""

    def __init__(self) -> None:
        self._next = MIN_BACKOFF

    def reset(self) -> None:
        """Start again with the shortest pause, after a success."""
        self._next = MIN_BACKOFF

    async def wait(self) -> None:
        """Wait, and double the next pause up to the longest."""
        pause, self._next = self._next, min(2 * self._next, MAX_BACKOFF)
        await asyncio.sleep(pause)


class Outgoing:
    """Messages that wait to be sent."""

    def __init__(self) -> None:
        self._queue = asyncio.Queue[str](MAX_QUEUED)

    def put(self, message: str) -> None:
        """Queue a message; when too many are pending, drop it."""
        if not self._queue.full():
            self._queue.put_nowait(message)

    async def send(
        self, carry: Callable[[str], Awaitable[None]], look: Callable[[], Awaitable[None]]
    ) -> None:
        """Send messages until cancelled, then those that are pending.

        `look` is called when there was none for CHECK_INTERVAL seconds, to check the connection.
        """
        try:
            while True:
                message = await self._next()
                await (look() if message is None else carry(message))
        except asyncio.CancelledError:
            with suppress(Exception):
                async with asyncio.timeout(SHUTDOWN_TIMEOUT):
                    for message in self.rest():
                        await carry(message)
            raise

    async def _next(self) -> str | None:
        try:
            async with asyncio.timeout(CHECK_INTERVAL):
                return await self._queue.get()
        except TimeoutError:
            return None

    def rest(self) -> list[str]:
        """Return all messages that wait, and remove them."""
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]


class PostgresBus:
    """NOTIFY and LISTEN of the database itself, on a connection of its own.

    Behind a proxy that pools by transaction nothing is received: each node is then on its own.
    """

    def __init__(self, database: Database, channel: str) -> None:
        self._database, self._channel = database, channel
        self._outgoing = Outgoing()

    async def run(self, hear: Callable[[str], None], connected: Callable[[], None]) -> None:
        """Carry for ever."""
        backoff = Backoff()
        while True:
            try:
                connection = await self._database.listen(self._channel, hear)
            except (*UNREACHABLE, asyncpg.PostgresError):
                await backoff.wait()
                continue
            backoff.reset()
            self._outgoing.rest()  # what waited is from before; `connected` says what is now
            connected()
            try:
                await self._send(connection)
            except UNREACHABLE:
                log.info("the connection to other nodes was lost")
            except asyncpg.PostgresError:
                log.exception("bus")
            finally:
                connection.terminate()
            await backoff.wait()

    def publish(self, message: str) -> None:
        """Send it, as soon as that is possible."""
        self._outgoing.put(message)

    async def _send(self, connection: asyncpg.Connection) -> None:
        async def carry(message: str) -> None:
            await connection.execute("SELECT pg_notify($1, $2)", self._channel, message)

        async def look() -> None:
            await connection.execute("SELECT")

        await self._outgoing.send(carry, look)
