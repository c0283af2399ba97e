"""The processes of a server with several workers, as uvicorn supervises them, with more patience.

A worker that cannot start ends the server only when none has ever served: later it is the database
that is away, and others go on serving, or will.
"""

import time
from socket import socket

import structlog
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

log = structlog.get_logger(__name__)

STARTING = 60.0
"""Seconds until a new worker answers: on a busy machine it loads its modules for as long."""
MIN_BACKOFF, MAX_BACKOFF = 0.5, 30.0
"""Seconds before a worker that could not start is started again: twice as many each time."""


class Workers(Multiprocess):
    """Starts, watches and restarts the workers."""

    def __init__(self, config: Config, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        self.failed = self._has_served = False
        self._pauses: dict[int, float] = {}
        """The seconds to wait before the next start, by worker that could not start."""
        self._due: dict[int, float] = {}
        self._starting: dict[Process, float] = {}
        """The deadline of the start, by worker that has not answered yet."""

    def keep_subprocess_alive(self) -> None:
        """Restart workers that died at once, and those that could not start after a pause."""
        pauses, due = self._pauses, self._due
        for index, process in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if index in due:
                if time.monotonic() >= due[index]:
                    del due[index]
                    self._start(index)
                continue
            if self._is_alive(process):
                if (index in pauses or not self._has_served) and process.is_ready():
                    self._has_served = True
                    pauses.pop(index, None)
                continue
            process.kill()
            process.join()
            if process.exitcode != STARTUP_FAILURE:
                log.warning("worker died", process=process.pid)
                self._start(index)
            elif self._has_served:
                pause = pauses.get(index, MIN_BACKOFF)
                pauses[index] = min(2 * pause, MAX_BACKOFF)
                due[index] = time.monotonic() + pause
                log.warning("worker could not start", process=process.pid, again_in=pause)
            else:
                self.failed = True
                self.should_exit.set()

    def init_processes(self) -> None:
        """Start all of them."""
        super().init_processes()
        self._starting = dict.fromkeys(self.processes, time.monotonic() + STARTING)

    def _is_alive(self, process: Process) -> bool:
        """Return whether the worker answers, or may still be starting."""
        if process.is_alive(timeout=self.config.timeout_worker_healthcheck):
            self._starting.pop(process, None)
            return True
        if process.exitcode is None and time.monotonic() < self._starting.get(process, 0.0):
            return True
        self._starting.pop(process, None)
        return False

    def _start(self, index: int) -> None:
        process = self.processes[index] = Process(self.config, self.sockets)
        process.start()
        self._starting[process] = time.monotonic() + STARTING
