"""What was executed lately, for those who come a little later and are to be told the same."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

MOST = 32 * 1024**2
"""Bytes that all of it may take."""
EACH = 1024
"""Bytes that an entry takes, as measured, beside its payload and what its key says."""
KEPT = 60.0
"""Seconds. What a payload tells beside its event, such as rows around it, is as old as this."""


@dataclass(slots=True)
class Entry:
    """A payload on its way, or there; `weight` in bytes, `until` by the loop's clock."""

    task: "asyncio.Task[bytes]"
    weight: int
    until: float


class Made:
    """Payloads by their group and event. A thousand clients that come back execute each once.

    The oldest go first: when they are `kept` seconds old, or when all weigh more than `most` bytes.
    """

    def __init__(self, most: int = MOST, kept: float = KEPT) -> None:
        self._most, self._kept = most, kept
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._sweeping: asyncio.TimerHandle | None = None
        self.size = 0
        """Bytes that all of it takes."""

    async def get(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """What was made for this key, or is being made; else make it. What fails is not kept."""
        return await asyncio.shield(self.begin(key, make))

    def begin(
        self, key: Hashable, make: Callable[[], Coroutine[Any, Any, bytes]]
    ) -> "asyncio.Task[bytes]":
        """Make it, if that has not begun, for whoever will ask."""
        if entry := self._entries.get(key):
            return entry.task
        task = asyncio.create_task(make())
        until = asyncio.get_running_loop().time() + self._kept
        # Entries share much of their keys; each is weighed as if it had its own.
        entry = self._entries[key] = Entry(task, EACH + len(repr(key)), until)
        self.size += entry.weight
        task.add_done_callback(partial(self._weigh, key, entry))
        if self._sweeping is None:
            self._sweep()
        return task

    def clear(self) -> None:
        """Forget all of it."""
        self._entries.clear()
        self.size = 0

    def _weigh(self, key: Hashable, entry: Entry, task: "asyncio.Task[bytes]") -> None:
        failed = task.cancelled() or task.exception() is not None
        if self._entries.get(key) is not entry:
            return
        if failed:
            self._forget(key)
            return
        entry.weight += len(task.result())
        self.size += len(task.result())
        while self.size > self._most:
            self._forget(next(iter(self._entries)))

    def _forget(self, key: Hashable) -> None:
        self.size -= self._entries.pop(key).weight

    def _sweep(self) -> None:
        """Forget what is too old, and come again when the next of them is."""
        loop = asyncio.get_running_loop()
        self._sweeping = None
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if entry.until > loop.time():
                self._sweeping = loop.call_at(entry.until, self._sweep)
                return
            self._forget(key)
