"""Delays of calls that the hub waits for, so that something else can happen meanwhile."""

import asyncio


class Held:
    """Replaces a coroutine function: some calls begin only when they are released."""

    def __init__(self, function, holds):
        self._function, self._holds = function, holds
        self.begun, self.released = asyncio.Event(), asyncio.Event()

    async def __call__(self, *arguments, **named):
        if self._holds(*arguments, **named):
            self.begun.set()
            await self.released.wait()
        return await self._function(*arguments, **named)


def hold_events(hub, query, monkeypatch):
    """Delay the executions of this subscription's events, but not of its first event."""
    document = hub._operations.documents.get(query)
    held = Held(
        hub._operations.tell,
        lambda subscribing, _, told: told.event and subscribing.document is document,
    )
    monkeypatch.setattr(hub._operations, "tell", held)
    return held
