"""One timer of a connection for all of its deadlines, of which nearly none is reached."""

import asyncio
from collections.abc import Callable


class Timer:
    """Calls a function after some seconds, unless it is stopped or started anew before.

    Starting and stopping set a time to compare: the loop's own timer stays as it is and, when it
    fires too early, is set for the rest. A request starts and stops three deadlines.
    """

    __slots__ = ("_call", "_due", "_fires", "_handle", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None
        self._fires = 0.0
        """The time at which the handle fires, where there is one."""
        self._due: float | None = None
        self._call: Callable[[], object] | None = None

    @property
    def is_running(self) -> bool:
        """Return whether a call is due."""
        return self._due is not None

    def start(self, seconds: float, call: Callable[[], object]) -> None:
        """Call this after so many seconds, and nothing that was to be called before."""
        self._due = due = self._loop.time() + seconds
        self._call = call
        if self._handle is None or due < self._fires:
            self._set(due)

    def stop(self) -> None:
        """Call nothing."""
        self._due = self._call = None

    def end(self) -> None:
        """Call nothing, and let go of the loop."""
        self.stop()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _set(self, due: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._fires, self._handle = due, self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._handle = None
        if (due := self._due) is None or (call := self._call) is None:
            return
        if self._loop.time() < due:
            self._set(due)
            return
        self.stop()
        call()
