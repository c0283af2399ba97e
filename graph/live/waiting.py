"""Requests that wait for the next event of a stream."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from graph.kit.stream import Kind


class Waiting:
    """Requests that wait. A wake-up is a hint: there may be nothing new."""

    def __init__(self) -> None:
        self._by_stream: defaultdict[tuple[str, UUID], set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def watch(self, kind: Kind, id: UUID) -> Iterator[asyncio.Event]:
        """Yield an event that is set when something happens in the stream."""
        woken = asyncio.Event()
        self._by_stream[kind, id].add(woken)
        try:
            yield woken
        finally:
            self._by_stream[kind, id].discard(woken)
            if not self._by_stream[kind, id]:
                del self._by_stream[kind, id]

    def wake(self, key: tuple[str, UUID]) -> None:
        """Wake the requests that wait for this stream."""
        for woken in self._by_stream.get(key, ()):
            woken.set()

    def wake_all(self) -> None:
        """Wake all requests, because the feed restarts."""
        for waiting in self._by_stream.values():
            for woken in waiting:
                woken.set()
