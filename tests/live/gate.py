"""A gate that holds the first of those who come to it, to have something else happen meanwhile."""

import asyncio


class Gate:
    """`reached` is set when somebody waits; `open` lets them go on, and everybody after them."""

    def __init__(self):
        self.reached, self._opened = asyncio.Event(), asyncio.Event()

    def open(self):
        self._opened.set()

    def behind(self, function):
        """The function, whose first call ends when the gate is opened."""

        async def held(*arguments, **named):
            found = await function(*arguments, **named)
            if not self.reached.is_set():
                self.reached.set()
                await self._opened.wait()
            return found

        return held
