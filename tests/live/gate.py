"""A gate that stops the first call, so that something else can happen meanwhile."""

import asyncio

from tests.loop import within

PATIENCE = 20


class Gate:
    """Stops the first call until it is opened; no other.

    With a task it stops only the first call of that task.
    """

    def __init__(self, task=None):
        self._task = task
        self._reached, self._opened = asyncio.Event(), asyncio.Event()

    async def reached(self):
        """Wait until a call has been stopped."""
        async with within(PATIENCE):
            await self._reached.wait()

    def open(self):
        """Let the stopped call go on."""
        self._opened.set()

    def behind(self, function):
        """Return the function, whose first call ends when the gate is opened."""

        async def held(*arguments, **named):
            found = await function(*arguments, **named)
            awaited = self._task in (None, asyncio.current_task())
            if awaited and not self._reached.is_set():
                self._reached.set()
                await self._opened.wait()
            return found

        return held
