"""A cache of viewers: a credential that is sent again is not looked up again.

A look-up is shared by all requests that wait for it. The end of a credential or a role removes the
viewers it concerns: at once in the process that writes it, with the feed in the others, and after
`seconds` wherever the feed is late.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime

from auth.viewer import Viewer

MAX_ENTRIES = 10_000
"""Viewers in the cache, at most; the oldest are removed first."""

LookUp = Callable[[], Awaitable[Viewer | None]]


@dataclass(slots=True)
class _Entry:
    viewer: Viewer
    expires_at: float
    """By the cache's clock."""


class ViewerCache:
    """Viewers by credential, such as the digest of a token, for `seconds` after their look-up.

    0 seconds keep none. The clock is in seconds and never goes back.
    """

    def __init__(self, seconds: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._reading: dict[Hashable, asyncio.Task[Viewer | None]] = {}
        self._generation = 0
        """The number of invalidations: a look-up that began before one is not cached."""

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Viewer | None:
        """Return the viewer under this key; None when none was read within the last `seconds`."""
        entry = self._entries.get(key)
        return entry.viewer if entry is not None and entry.expires_at > self._clock() else None

    async def read(self, key: Hashable, look_up: LookUp) -> Viewer | None:
        """Return the viewer under this key, or the result of `look_up`, and raise its errors.

        None and errors are not cached.
        """
        if not self._seconds:
            return await look_up()
        if (viewer := self.get(key)) is not None:
            return viewer
        reading = self._reading.get(key)
        if reading is None:
            reading = asyncio.create_task(self._look_up(key, look_up))
            self._reading[key] = reading
            reading.add_done_callback(lambda done: self._done(key, done))
        # One that waits may be cancelled; the others still want the answer.
        return await asyncio.shield(reading)

    def clear(self) -> None:
        """Remove every viewer, and detach the look-ups that have begun."""
        self._generation += 1
        self._entries.clear()
        self._reading.clear()

    def remove(self, concerned: Callable[[Viewer], bool]) -> None:
        """Remove these viewers, and detach the look-ups that have begun."""
        self._generation += 1
        self._reading.clear()
        for key in [key for key, entry in self._entries.items() if concerned(entry.viewer)]:
            del self._entries[key]

    async def _look_up(self, key: Hashable, look_up: LookUp) -> Viewer | None:
        began, generation = self._clock(), self._generation
        viewer = await look_up()
        if viewer is not None and generation == self._generation:
            self._keep(key, viewer, began)
        return viewer

    def _keep(self, key: Hashable, viewer: Viewer, began: float) -> None:
        now, wall = self._clock(), datetime.now(UTC)
        for ends in (viewer.expires_at, viewer.until):  # by itself, so nothing will tell
            if ends is not None:
                began = min(began, now - self._seconds + (ends - wall).total_seconds())
        self._entries[key] = _Entry(viewer, began + self._seconds)
        self._entries.move_to_end(key)
        while self._entries:
            first = next(iter(self._entries))
            if len(self._entries) <= MAX_ENTRIES and self._entries[first].expires_at > now:
                break
            del self._entries[first]

    def _done(self, key: Hashable, reading: "asyncio.Task[Viewer | None]") -> None:
        if self._reading.get(key) is reading:
            del self._reading[key]
        if not reading.cancelled():
            reading.exception()  # told to whoever waits; nobody may be left


UNCACHED = ViewerCache()
"""A cache that stores nothing."""
