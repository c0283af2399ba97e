"""A gate that holds the first of those who come to it, to have something else happen meanwhile."""

import asyncio

PATIENCE = 20


class Gate:
    """Whoever comes first waits until it is opened; nobody else does.

    With a task it is for this one alone, whoever else comes before.
    """

    def __init__(self, task=None):
        self._task = task
        self._reached, self._opened = asyncio.Event(), asyncio.Event()

    async def reached(self):
        """Wait until somebody has come."""
        async with asyncio.timeout(PATIENCE):
            await self._reached.wait()

    def open(self):
        """Let them go on."""
        self._opened.set()

    def behind(self, function):
        """The function, whose first call ends when the gate is opened."""

        async def held(*arguments, **named):
            found = await function(*arguments, **named)
            awaited = self._task in (None, asyncio.current_task())
            if awaited and not self._reached.is_set():
                self._reached.set()
                await self._opened.wait()
            return found

        return held
