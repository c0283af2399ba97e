"""Debounce: call a function soon after a request, but not more often than an interval."""

import asyncio
from collections.abc import Callable


class Debounce:
    """Calls `act` at the next turn of the loop, or when its `pause` (in seconds) is over."""

    __slots__ = ("_act", "_last", "_pause", "_timer")

    def __init__(self, act: Callable[[], None], pause: Callable[[], float]) -> None:
        self._act, self._pause = act, pause
        self._last = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Have it done soon. Asking again before that changes nothing."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._last + self._pause()), self._run)

    def cancel(self) -> None:
        """Do not do it any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        self._timer = None
        self._last = asyncio.get_running_loop().time()
        self._act()
