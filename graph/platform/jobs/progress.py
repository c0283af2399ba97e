"""The progress of a job, stored while its work goes on."""

import asyncio
from collections.abc import Mapping
from typing import Self

from graph.platform.jobs.run import Run


class Progress:
    """Stores the progress of a job while it runs, one step after the other.

    `parts` are the shares between `start` and `end` at which steps begin and end, by their names;
    any other step is all of it.
    """

    def __init__(
        self,
        run: Run,
        start: float,
        end: float,
        parts: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        self._run, self._start, self._end = run, start, end
        self._parts = parts or {}
        self._task: asyncio.Task[None] | None = None

    def show(self, what: str, done: int, of: int) -> None:
        """Store the progress, unless an earlier step is still being stored."""
        if self._task is None or self._task.done():
            first, last = self._parts.get(what, (0.0, 1.0))
            share = first + (last - first) * (done / of if of else 1.0)
            share = self._start + (self._end - self._start) * share
            message = f"{what}: {done:,} of {of:,}"
            self._task = asyncio.ensure_future(self._run.progress(share, message))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
