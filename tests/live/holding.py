"""Holding up what the hub waits for, so that something else can happen meanwhile."""

import asyncio


class Held:
    """Stands in the place of a coroutine function: some calls begin when they are let go."""

    def __init__(self, function, holds):
        self._function, self._holds = function, holds
        self.begun, self.released = asyncio.Event(), asyncio.Event()

    async def __call__(self, *arguments, **named):
        if self._holds(*arguments, **named):
            self.begun.set()
            await self.released.wait()
        return await self._function(*arguments, **named)


def hold_events(hub, query, monkeypatch):
    """What this subscription says of events is held up, its greetings are not."""
    document = hub._operations.documents.get(query)
    held = Held(
        hub._operations.tell,
        lambda subscribing, _, told: told.event and subscribing.document is document,
    )
    monkeypatch.setattr(hub._operations, "tell", held)
    return held
