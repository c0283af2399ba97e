"""The time that an operation has, and whether its client is still there: one timer for both."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from db.problem import Problem

WATCH_DELAY = 0.05
"""Seconds before a client is watched; most answers are there sooner, and need no second task."""


class Disconnected(Exception):
    """The client has disconnected."""


class Deadline:
    """A block of one task that is cancelled after `seconds`, if any, and then raises TIMEOUT.

    The disconnection of a watched client ends it, too, with Disconnected. It may end in any await:
    it is for code that can be repeated, or is rolled back by its transaction.
    """

    __slots__ = (
        "_began",
        "_cancelling",
        "_looked",
        "_loop",
        "_reason",
        "_receive",
        "_seconds",
        "_task",
        "_timer",
        "_watcher",
    )

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._receive: Callable[[], Awaitable[Any]] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._reason: Exception | None = None
        self._looked = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (a coroutine that awaits runs in a task)
        self._task, self._cancelling = task, task.cancelling()
        self._loop = loop = asyncio.get_running_loop()
        self._began = loop.time()
        limit = self._seconds
        patience = WATCH_DELAY if limit is None or limit > WATCH_DELAY else limit
        self._timer = loop.call_later(patience, self._look)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()
            self._watcher = None  # it refers to this, and neither is to outlive the request
        # Whoever else wants the task to end, such as the server, still has its way.
        if (
            (reason := self._reason) is not None
            and self._task.uncancel() <= self._cancelling
            and kind is asyncio.CancelledError
        ):
            raise reason from None

    def watch(self, receive: Callable[[], Awaitable[Any]]) -> None:
        """End the block when the client disconnects.

        The request's body has been read, so that the next message can only be the disconnection.
        """
        self._receive = receive
        if self._looked:
            self._start_watching()

    def _look(self) -> None:
        """Watch for a disconnect after WATCH_DELAY, and set the timer for the remaining time."""
        self._looked = True
        self._start_watching()
        if self._seconds is not None:
            self._timer = self._loop.call_at(self._began + self._seconds, self._expire)

    def _start_watching(self) -> None:
        if self._receive is not None and self._watcher is None:
            self._watcher = self._loop.create_task(self._watch(self._receive))

    async def _watch(self, receive: Callable[[], Awaitable[Any]]) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._end(Disconnected())

    def _expire(self) -> None:
        message = f"The operation took longer than {self._seconds:g} seconds."
        self._end(Problem("TIMEOUT", message))

    def _end(self, reason: Exception) -> None:
        if self._reason is None:
            self._reason = reason
            self._task.cancel()
