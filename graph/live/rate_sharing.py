"""Processes tell each other what was spent of rate limits, on a bus that also carries presence."""

import asyncio
from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

from graph.live.bus import Bus

PREFIX = "spent:"
"""The beginning of messages about rate limits."""
SHARE_INTERVAL = 1.0
"""Seconds between two messages: for so long, others do not know what was spent here."""


class Rates(Protocol):
    """The rate limits of this process."""

    def news(self) -> str | None:
        """Return what was spent since the last call; None if little was."""

    def hear(self, news: str) -> None:
        """Take what was spent in another process."""


class RateSharing:
    """A bus for other messages, which also carries those of rate limits.

    A message that is lost makes a limit wider for a while, and never narrower.
    """

    def __init__(self, bus: Bus, rates: Rates) -> None:
        self._bus, self._rates = bus, rates
        self._own = f"{PREFIX}{uuid4().hex}:"

    async def run(self, hear: Callable[[str], None], connected: Callable[[], None]) -> None:
        """Carry messages until the task is cancelled."""

        def hear_all(message: str) -> None:
            if not message.startswith(PREFIX):
                hear(message)
            elif not message.startswith(self._own):
                self._rates.hear(message[len(self._own) :])

        await self._bus.run(hear_all, connected)

    def publish(self, message: str) -> None:
        """Send another message."""
        self._bus.publish(message)

    async def keep_telling(self) -> None:
        """Tell other processes what was spent here, for the life of the process."""
        while True:
            await asyncio.sleep(SHARE_INTERVAL)
            if news := self._rates.news():
                self._bus.publish(self._own + news)
