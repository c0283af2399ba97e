"""What was executed lately, for those who come a little later and are to be told the same."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

MOST = 32 * 1024**2
"""Bytes of payloads that are kept."""


class Made:
    """Payloads by their group and event. A thousand clients that come back execute each once."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._size = most, 0
        self._tasks: OrderedDict[Hashable, asyncio.Task[bytes]] = OrderedDict()

    async def get(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """What was made for this key, or is being made; else make it. What fails is not kept."""
        return await asyncio.shield(self.begin(key, make))

    def begin(
        self, key: Hashable, make: Callable[[], Coroutine[Any, Any, bytes]]
    ) -> "asyncio.Task[bytes]":
        """Make it, if that has not begun, for whoever will ask."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._weigh(key, done))
        else:
            self._tasks.move_to_end(key)
        return task

    def _weigh(self, key: Hashable, task: "asyncio.Task[bytes]") -> None:
        if self._tasks.get(key) is not task:
            return
        if task.cancelled() or task.exception():
            del self._tasks[key]
            return
        self._size += len(task.result())
        while self._size > self._most:
            oldest = next(iter(self._tasks))
            gone = self._tasks.pop(oldest)
            if gone.done():  # else it weighs nothing yet
                self._size -= len(gone.result())
