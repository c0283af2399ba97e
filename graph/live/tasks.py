"""Concurrent tasks: referenced until they end, and reliably cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

log = structlog.get_logger(__name__)

CANCEL_TIMEOUT = 2.0
"""Seconds after which a task that has been cancelled is cancelled again."""


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Run coroutines concurrently until one of them ends, and raise its exception."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await stop(*tasks)


async def stop(*tasks: "asyncio.Task[None]") -> None:
    """Cancel tasks until they have ended, whatever their result.

    Once is not enough: a driver may lose a cancellation that arrives while its own work ends.
    """
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_TIMEOUT)
    await asyncio.gather(*tasks, return_exceptions=True)


class Tasks:
    """Background tasks, whose exceptions are logged."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it beside."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._over)

    def cancel(self) -> None:
        """End all of them."""
        for task in self._running:
            task.cancel()

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("live", error=type(error).__name__, exc_info=error)
