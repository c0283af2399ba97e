"""A fair queue: slots are shared among tenants, fewest slots first, and no tenant takes all."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from db.problem import Problem

SHARE = 2
"""A tenant takes another slot while it holds fewer than this many times those that are free."""

GATEWAY = "gateway"
"""The tenant of the gateway's own work, which comes first and may hold every slot."""

MAX_PER_REQUEST = 3
"""Slots that one request has at a time."""


@dataclass(eq=False, slots=True)
class _Waiting:
    tenant: Hashable
    holder: Hashable | None
    turn: "asyncio.Future[None]"


Line = dict[_Waiting, None]
"""Waiting requests, in order of arrival."""


class FairQueue:
    """A semaphore of `size` slots that is fair among tenants.

    A tenant may hold fewer slots than SHARE times those that are free (dynamic thresholds:
    Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998). Of ten slots one that is
    alone gets seven; the next finds a free one at once. A holder, such as a request, has
    `per_holder` at most. Among tenants that wait the one that holds the fewest is next, and of
    these the one that was served longest ago.
    """

    def __init__(self, size: int, per_holder: int) -> None:
        self.free = size
        self._per_holder = per_holder
        self._held: Counter[Hashable] = Counter()
        self._lines: dict[Hashable, Line] = {}
        self._active: Counter[Hashable] = Counter()
        """By holder: the slots that it has, and those that it waits for in a line."""
        self._parked: defaultdict[Hashable, Line] = defaultdict(dict)
        """By holder: requests that wait until it returns a slot, and are in no line."""

    @property
    def waiting(self) -> int:
        """Return the number of waiting requests."""
        lines = sum(map(len, self._lines.values()))
        return lines + sum(map(len, self._parked.values()))

    async def take(self, tenant: Hashable, holder: Hashable | None, patience: float) -> None:
        """Wait for a slot; `give` returns it. Raises TimeoutError after `patience` seconds.

        `holder` None has no limit of its own.
        """
        if self.take_now(tenant, holder):
            return
        waiting = _Waiting(tenant, holder, asyncio.get_running_loop().create_future())
        self._join(waiting)
        self._serve()
        if waiting.turn.done():
            return
        try:
            async with asyncio.timeout(patience):
                await waiting.turn
        except BaseException:
            if waiting.turn.done() and not waiting.turn.cancelled():
                self.give(tenant, holder)
            else:
                self._leave(waiting)
            raise

    def take_now(self, tenant: Hashable, holder: Hashable | None) -> bool:
        """Take a slot if one may be had without waiting; return whether it was."""
        if self._lines or not self._may_have_another(tenant, holder):
            return False
        self.free -= 1
        self._held[tenant] += 1
        if holder is not None:
            self._active[holder] += 1
        return True

    def give(self, tenant: Hashable, holder: Hashable | None) -> None:
        """Give back a slot."""
        self.free += 1
        _less(self._held, tenant)
        if holder is not None:
            self._advance(holder)
        self._serve()

    def _may_have_another(self, tenant: Hashable, holder: Hashable | None) -> bool:
        """Return whether a slot may be had at once where nobody waits."""
        if holder is not None and self._active.get(holder, 0) >= self._per_holder:
            return False
        if tenant == GATEWAY:
            return self.free > 0
        return self._held.get(tenant, 0) < SHARE * self.free

    def _join(self, waiting: _Waiting) -> None:
        holder = waiting.holder
        if holder is not None:
            if self._active[holder] >= self._per_holder:
                self._parked[holder][waiting] = None
                return
            self._active[holder] += 1
        self._lines.setdefault(waiting.tenant, {})[waiting] = None

    def _leave(self, waiting: _Waiting) -> None:
        parked = self._parked.get(waiting.holder, {})
        if waiting in parked:
            del parked[waiting]
            if not parked:
                del self._parked[waiting.holder]
            return
        if waiting not in self._lines.get(waiting.tenant, {}):
            return  # `_serve` has come upon it before
        self._remove(waiting)
        if waiting.holder is not None:
            self._advance(waiting.holder)

    def _advance(self, holder: Hashable) -> None:
        """Admit the next waiting request of the holder, because one has left."""
        _less(self._active, holder)
        if parked := self._parked.get(holder):
            following = next(iter(parked))
            del parked[following]
            if not parked:
                del self._parked[holder]
            self._join(following)

    def _serve(self) -> None:
        while self.free and (tenant := self._next()) is not None:
            waiting = next(iter(self._lines[tenant]))
            if waiting.turn.cancelled():  # given up, by a task that has not run since
                self._leave(waiting)
                continue
            self._remove(waiting)
            if tenant in self._lines:  # others come before its next one
                self._lines[tenant] = self._lines.pop(tenant)
            self.free -= 1
            self._held[tenant] += 1
            waiting.turn.set_result(None)

    def _next(self) -> Hashable | None:
        chosen, fewest = None, SHARE * self.free
        if GATEWAY in self._lines:
            return GATEWAY
        for tenant in self._lines:
            if (held := self._held[tenant]) < fewest:
                chosen, fewest = tenant, held
                if not held:
                    break
        return chosen

    def _remove(self, waiting: _Waiting) -> None:
        line = self._lines[waiting.tenant]
        del line[waiting]
        if not line:
            del self._lines[waiting.tenant]


def _less(counter: Counter[Hashable], key: Hashable) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


def no_connection() -> Problem:
    """Return the problem for when every connection is in use, and none was returned in time."""
    return Problem("BUSY", "No connection to the database is available.")


class Turns:
    """Turns at one of `size` connections, fair among tenants."""

    def __init__(self, size: int, wait: float) -> None:
        self._queue, self._wait = FairQueue(size, MAX_PER_REQUEST), wait

    async def take(self, tenant: Hashable, holder: Hashable | None = None) -> None:
        """Wait for a turn; `give` ends it. Raises BUSY when it does not come in time."""
        try:
            await self._queue.take(tenant, holder, self._wait)
        except TimeoutError as error:
            raise no_connection() from error

    def take_now(self, tenant: Hashable, holder: Hashable | None = None) -> bool:
        """Begin a turn if it need not be waited for; return whether it has begun."""
        return self._queue.take_now(tenant, holder)

    def give(self, tenant: Hashable, holder: Hashable | None = None) -> None:
        """End a turn."""
        self._queue.give(tenant, holder)

    @asynccontextmanager
    async def turn(self, tenant: Hashable, holder: Hashable | None = None) -> AsyncIterator[None]:
        """Wait for a turn and keep it for the block. Raises BUSY when it does not come in time."""
        await self.take(tenant, holder)
        try:
            yield
        finally:
            self.give(tenant, holder)
