"""A cache of recent results, for subscriptions that receive the same a little later."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

MAX_BYTES = 32 * 1024**2
"""Bytes of the whole cache, at most."""
ENTRY_BYTES = 1024
"""Bytes of an entry, as measured, beside its payload and the contents of its key."""
TTL = 60.0
"""Seconds that a result is kept. Rows around the event in a payload can be as old as this."""


@dataclass(slots=True)
class Entry:
    """A payload, finished or in progress; `weight` in bytes, `until` by the loop's clock."""

    task: "asyncio.Task[bytes]"
    weight: int
    until: float


class ResultCache:
    """Payloads by their group and event. A thousand clients that reconnect execute each once.

    The oldest are evicted first: after `kept` seconds, or when all take more than `most` bytes.
    """

    def __init__(self, most: int = MAX_BYTES, kept: float = TTL) -> None:
        self._most, self._kept = most, kept
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._sweeping: asyncio.TimerHandle | None = None
        self.size = 0
        """Bytes that all of it takes."""

    def __contains__(self, key: Hashable) -> bool:
        """Return whether the key's result is cached or in progress."""
        return key in self._entries

    async def get(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """Return the result for a key, cached or in progress; else make it. Errors are not kept."""
        return await asyncio.shield(self.begin(key, make))

    def begin(
        self, key: Hashable, make: Callable[[], Coroutine[Any, Any, bytes]]
    ) -> "asyncio.Task[bytes]":
        """Start making the result, unless it is cached or in progress; return its task."""
        if entry := self._entries.get(key):
            return entry.task
        task = asyncio.create_task(make())
        until = asyncio.get_running_loop().time() + self._kept
        # Entries share much of their keys; each is weighed as if it had its own.
        entry = self._entries[key] = Entry(task, ENTRY_BYTES + len(repr(key)), until)
        self.size += entry.weight
        task.add_done_callback(partial(self._weigh, key, entry))
        if self._sweeping is None:
            self._sweep()
        return task

    def clear(self) -> None:
        """Remove all results."""
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
        """Evict expired results, and schedule the next eviction."""
        loop = asyncio.get_running_loop()
        self._sweeping = None
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if entry.until > loop.time():
                self._sweeping = loop.call_at(entry.until, self._sweep)
                return
            self._forget(key)
