"""Graceful stop: the process is unready for a while, so that requests finish, then it ends."""

import asyncio
import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class Drain:
    """While entered, SIGTERM makes the process unready, and some time later ends it as before.

    A load balancer that polls /readyz removes the process meanwhile, so no request is sent to a
    closed port. A second SIGTERM ends it at once. The application's lifespan enters it and yields
    it in its state, under "drain", where requests of every worker process find it.
    """

    def __init__(self, delay: float) -> None:
        self.draining = False
        self._delay = delay
        self._before: signal.Handlers | object = None

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGTERM)
            if callable(self._before):  # a server waits for the signal, to end in good order
                signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if callable(self._before):
            signal.signal(signal.SIGTERM, self._before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        assert callable(self._before)  # noqa: S101 (otherwise this is not installed)
        if self.draining:
            self._before(number, frame)
            return
        self.draining = True
        # From within a signal handler nothing else of the loop may be called.
        self._loop.call_soon_threadsafe(
            self._loop.call_later, self._delay, self._before, number, None
        )
