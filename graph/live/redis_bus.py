"""The bus through Redis, where many nodes run: publish and subscribe, which keep nothing."""

from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from graph.live.bus import CHECK_INTERVAL, Backoff, Outgoing, channel_of
from graph.live.tasks import together
from graph.settings import Settings

log = structlog.get_logger(__name__)

RESPONSE_TIMEOUT = 3.0
"""Seconds that Redis takes to answer, at most."""


def connect(url: str) -> Redis:
    """Return a client of this Redis that fails at once when it cannot be reached, without a retry.

    It checks the connection whenever CHECK_INTERVAL seconds have passed without traffic.
    """
    return Redis.from_url(
        url,
        socket_timeout=RESPONSE_TIMEOUT,
        socket_connect_timeout=RESPONSE_TIMEOUT,
        health_check_interval=CHECK_INTERVAL,
        retry=Retry(NoBackoff(), 0),
    )


async def ping(url: str) -> str:
    """Return the name of the error with which this Redis fails; "" when it answers."""
    try:
        async with connect(url) as redis:
            await redis.ping()
    except (RedisError, OSError, TimeoutError) as error:
        return type(error).__name__
    return ""


class RedisBus:
    """One channel of Redis.

    Redis may serve other gateways, too: theirs have another secret, and so other channels.
    """

    def __init__(self, settings: Settings, channel: str) -> None:
        assert settings.redis_url is not None  # noqa: S101 (it is set, or there is no such bus)
        self._url = settings.redis_url.get_secret_value()
        self._channel = channel_of(settings, channel)
        self._outgoing = Outgoing()

    async def run(self, hear: Callable[[str], None], connected: Callable[[], None]) -> None:
        """Carry for ever."""
        backoff = Backoff()
        while True:
            try:
                async with connect(self._url) as redis, redis.pubsub() as heard:
                    await heard.subscribe(self._channel)
                    await together(self._hear(heard, hear, connected, backoff), self._send(redis))
            except (RedisError, OSError, TimeoutError) as error:
                name = type(error).__name__
                log.warning("Redis cannot be reached", channel=self._channel, error=name)
            except Exception:
                log.exception("bus")
            await backoff.wait()

    def publish(self, message: str) -> None:
        """Send it, as soon as that is possible."""
        self._outgoing.put(message)

    async def _hear(
        self,
        heard: PubSub,
        hear: Callable[[str], None],
        connected: Callable[[], None],
        backoff: Backoff,
    ) -> None:
        while True:
            message = await heard.get_message(timeout=CHECK_INTERVAL)
            match message:
                case {"type": "subscribe"}:
                    backoff.reset()
                    self._outgoing.rest()  # from before; `connected` says what is now
                    connected()
                case {"type": "message", "data": bytes() as data}:
                    hear(data.decode(errors="replace"))

    async def _send(self, redis: Redis) -> None:
        async def carry(message: str) -> None:
            await redis.publish(self._channel, message)

        async def look() -> None:
            await redis.ping()

        await self._outgoing.send(carry, look)
