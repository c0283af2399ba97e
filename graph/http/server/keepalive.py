"""Ping every WebSocket in turn, with one timer for all of them."""

import asyncio
from typing import Protocol

TICK = 0.25
"""Seconds between two turns."""
TURNS = 20
"""Turns in a round: each peer is pinged every five seconds, and is dead when it has not answered by
the next ping."""


class Beating(Protocol):
    """A connection that can be pinged."""

    def beat(self) -> bool:
        """Ask the peer; False when it has not answered the last time."""

    def stop(self) -> None:
        """Close the connection of a dead peer."""


class Keepalive:
    """The connections of one process, spread over the turns of a round."""

    def __init__(self) -> None:
        self._turns: list[set[Beating]] = [set() for _ in range(TURNS)]
        self._where: dict[Beating, int] = {}
        self._turn = 0
        self._timer: asyncio.TimerHandle | None = None

    def join(self, connection: Beating) -> None:
        """Ask this one, too, first after a whole round."""
        self._where[connection] = self._turn
        self._turns[self._turn].add(connection)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._beat)

    def leave(self, connection: Beating) -> None:
        """Ask this one no more."""
        if (turn := self._where.pop(connection, None)) is not None:
            self._turns[turn].discard(connection)

    def _beat(self) -> None:
        self._turn = (self._turn + 1) % TURNS
        for connection in [*self._turns[self._turn]]:
            if not connection.beat():
                connection.stop()
        again = asyncio.get_running_loop()
        self._timer = again.call_later(TICK, self._beat) if self._where else None
