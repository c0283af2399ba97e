"""Stops the work for a client that has gone: nobody would read the answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import Receive

from graph.http.params import Disconnected

PATIENCE = 0.05
"""Seconds before a client is watched; most answers are there sooner, and need no second task."""


@asynccontextmanager
async def ended_by_disconnect(receive: Receive) -> AsyncIterator[None]:
    """Cancel the block when the client disconnects; it then raises Disconnected.

    The request's body has been read, so that the next message can only be the disconnection. The
    block may end in any await, as it may by a deadline: only what can be repeated belongs in it.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 (a coroutine that awaits runs in a task)
    watcher: asyncio.Task[None] | None = None
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    def start() -> None:
        nonlocal watcher
        watcher = asyncio.create_task(watch())

    timer = asyncio.get_running_loop().call_later(PATIENCE, start)
    try:
        yield
    except asyncio.CancelledError:
        if gone and task.uncancel() == 0:  # otherwise a deadline or the server's end wants it, too
            raise Disconnected from None
        raise
    finally:
        timer.cancel()
        if watcher is not None:
            watcher.cancel()
