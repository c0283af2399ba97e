"""Server processes that tests start, forked from one that has imported the gateway.

An import takes two seconds of CPU, a fork some milliseconds. The tests of the command line and of
its worker processes start the command itself.
"""

import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from graph.settings import Settings

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["graph.commands.preloaded"])


class Forked:
    """A process that runs a function, with the methods of `subprocess.Popen` that tests use."""

    def __init__(
        self, work: Callable[..., object], *arguments: object, log: Path | None = None, **own: str
    ) -> None:
        """Run `work` with these arguments and variables; append what it logs to a file, or drop it.

        Its standard output is a pipe.
        """
        read, write = FORKS.Pipe(duplex=False)
        target = (work, arguments, dict(os.environ) | own, log or os.devnull, write)
        self._process = FORKS.Process(target=_run, args=target, daemon=True)
        self._process.start()
        write.close()
        self.stdout = os.fdopen(os.dup(read.fileno()))
        read.close()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        """Wait until it has ended."""
        self._process.join()
        self.stdout.close()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()


def gateway(port: int, log: Path | None = None, **variables: str) -> Forked:
    """Start `gateway serve` on this port, with these settings."""
    return Forked(_serve, log=log, PORT=str(port), **variables)


@contextmanager
def serving(settings: Settings, **variables: str) -> Iterator[tuple[Forked, str]]:
    """Yield a gateway on the database of these settings, and its address; kill it at the end."""
    assert settings.database_url
    own = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "GATEWAY_SECRET": settings.gateway_secret.get_secret_value(),
        "DRAIN_DELAY": "0",
    }
    port = free_port()
    with gateway(port, **(own | variables)) as process:
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def free_port() -> int:
    """Return a port of this machine on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def warm_up() -> None:
    """Start the process from which others are forked, which imports while tests run."""
    from multiprocessing.forkserver import ensure_running  # noqa: PLC0415 (starts nothing else)

    ensure_running()


def _run(
    work: Callable[..., object],
    arguments: tuple[object, ...],
    variables: dict[str, str],
    log: str | Path,
    output: Any,
) -> None:
    with Path(log).open("ab") as file:
        os.dup2(file.fileno(), 2)
    os.dup2(output.fileno(), 1)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["gateway"]
    work(*arguments)


def _serve() -> None:
    from graph.cli import main  # noqa: PLC0415 (in the process that serves)

    sys.argv.append("serve")
    main()
