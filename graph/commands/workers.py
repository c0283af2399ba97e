"""The processes of a server with several workers, as uvicorn supervises them, with more patience.

They are forked from one process that has imported the gateway, so that they share its memory and
start in some milliseconds. A worker that cannot start ends the server only when none has ever
served: later it is the database that is away, and others go on serving, or will.
"""

import multiprocessing
import time
from socket import socket

import structlog
from uvicorn._subprocess import subprocess_started
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

log = structlog.get_logger(__name__)

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["graph.commands.preloaded"])

STARTING = 60.0
"""Seconds until a new worker answers: on a busy machine it loads its modules for as long."""
MIN_BACKOFF, MAX_BACKOFF = 0.5, 30.0
"""Seconds before a worker that could not start is started again: twice as many each time."""


class Worker(Process):
    """A worker that is forked; uvicorn's own imports the gateway again."""

    def __init__(self, config: Config, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        arguments = {
            "config": config,
            "target": self.target,
            "sockets": sockets,
            "stdin_fileno": None,
        }
        process = FORKS.Process(target=subprocess_started, kwargs=arguments)
        self.process = process  # type: ignore[assignment]  # its class is that of another method


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
        for index in range(self.processes_num):
            self._start(index)

    def restart_all(self) -> None:
        """Replace the workers one by one, each when the new one serves. They do not load code."""
        for index, before in enumerate(self.processes):
            worker = self._forked()
            if not worker.wait_until_ready(STARTING, self.should_exit):
                worker.kill()
                worker.join()
                log.warning("worker could not start", process=worker.pid)
                return
            self.processes[index] = worker
            before.terminate()
            before.join()

    def handle_ttin(self) -> None:
        """Start one more."""
        self.processes_num += 1
        self._start(len(self.processes))

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
        """Start the worker at this place."""
        self.processes[index : index + 1] = [self._forked()]

    def _forked(self) -> Worker:
        worker = Worker(self.config, self.sockets)
        worker.start()
        self._starting[worker] = time.monotonic() + STARTING
        return worker
