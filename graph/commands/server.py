"""Start the gateway: `gateway dev` for developers, `gateway serve` for everyone else."""

import multiprocessing
import os
import signal
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from db.logins import Logins
from graph.commands.database import (
    migrate,
    migrated,
    require_migrated,
    require_pooler,
    running,
    say,
)
from graph.commands.demo import Account, accounts
from graph.http.server.config import Config
from graph.http.server.gc_tuning import freeze_after_collect
from graph.logs import set_up
from graph.server_secret import with_secret
from graph.settings import Settings, SettingsError
from graph.settings.conflicts import unknown_variables

log = structlog.get_logger("gateway")

APPLICATION = "graph.commands.server:application"
SOURCE = [str(Path(__file__).parents[2] / name) for name in ("auth", "db", "graph")]
NOT_STARTED = "The gateway could not start; the log above says why."
READY_LIMIT = 60
"""Seconds to wait for the first answer before the greeting is given up."""


class ServeError(Exception):
    """The server cannot start; the message says why."""


def dev(settings: Settings, *, reload: bool) -> None:
    """Run on a database with demo data and, with `reload`, restart when the source changes."""
    with _ended_by_sigterm(), _listening(settings) as listener:
        ours = _with_port(with_secret(settings), listener, drain_delay=0)  # nobody balances load
        say("Starting PostgreSQL ...")
        with running(ours) as at:
            if not migrated(at):
                say("Creating the tables ...")
                migrate(at)
            people = accounts(at, ours)
            _hand_down(ours, at)
            _when_it_answers(ours, lambda: _greet(ours, people))
            watched = SOURCE if reload else None
            _run(
                Config(APPLICATION, ours, factory=True, reload_dirs=watched, reload=reload),
                listener,
            )


def serve(settings: Settings, *, migrate_first: bool, workers: int) -> None:
    """Run on migrated tables; drain requests on SIGTERM. Raises SettingsError, ServeError."""
    settings = with_secret(settings)
    if settings.in_production and not settings.database_url:
        raise SettingsError("Set DATABASE_URL: the embedded PostgreSQL is for development.")
    with _ended_by_sigterm(), _listening(settings) as listener, running(settings) as at:
        require_pooler(at)
        if migrate_first:
            migrate(at)
        require_migrated(at)
        _hand_down(_with_port(settings, listener), at)
        _run(Config(APPLICATION, settings, factory=True, workers=workers), listener)


def application() -> ASGIApp:
    """Return the application of one server process, with the settings of its environment."""
    from graph.app import create_app

    settings = Settings()
    set_up(settings)
    _end_with_parent()
    app = create_app(settings)
    freeze_after_collect()
    return app


def _run(config: Config, listener: socket.socket) -> None:
    set_up(config.settings)
    for name, meant in unknown_variables(os.environ, Settings.model_fields).items():
        log.warning("unknown variable", name=name, **({"meant": meant} if meant else {}))
    server = uvicorn.Server(config)
    if config.should_reload:
        from uvicorn.supervisors import ChangeReload

        ChangeReload(config, target=server.run, sockets=[listener]).run()
    elif config.workers > 1:
        from graph.commands.workers import Workers

        workers = Workers(config, sockets=[listener])
        workers.run()
        if workers.failed:
            raise ServeError(NOT_STARTED)
    else:
        server.run(sockets=[listener])
        if not server.started:
            raise ServeError(NOT_STARTED)


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """Yield the listening socket; bound first, so that a port in use fails before any start."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise ServeError(
            f"Port {settings.port} of {settings.host} cannot be used ({error.strerror}): set HOST"
            " or PORT to another."
        ) from error
    with listener:
        yield listener


def _with_port(settings: Settings, listener: socket.socket, **others: Any) -> Settings:
    return settings.model_copy(update={"port": listener.getsockname()[1], **others})


def _hand_down(settings: Settings, at: Logins) -> None:
    """Pass the database, the secret and the port on to server processes by the environment."""
    os.environ |= {
        "DATABASE_URL": at.dsn,
        "GATEWAY_SECRET": settings.gateway_secret.get_secret_value(),
        "PORT": str(settings.port),
        "DRAIN_DELAY": str(settings.drain_delay),
    }


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Turn SIGTERM into SystemExit, so that `finally` runs; uvicorn re-raises it once drained."""

    def leave(*_: object) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end_with_parent() -> None:
    """End a server process whose supervisor was killed, so that it does not hold the port."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _when_it_answers(settings: Settings, then: Callable[[], None]) -> None:
    def wait() -> None:
        try:
            urllib.request.urlopen(f"http://{_reachable(settings)}/healthz", timeout=READY_LIMIT)
        except urllib.error.HTTPError:
            pass  # it answers, if only to say what it lacks
        except OSError:
            return  # what went wrong is in the log
        then()

    threading.Thread(target=wait, name="greeting", daemon=True).start()


def _reachable(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    return f"[{host}]:{settings.port}" if ":" in host else f"{host}:{settings.port}"


def _greet(settings: Settings, people: list[Account]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("E-mail", "Password", "Who", title="Demo accounts", title_justify="left")
    for account in people:
        table.add_row(account.email, account.password, account.who)
    console = Console(stderr=True)
    console.print(
        f"\nHome      {settings.url}/\nGateway   {settings.url}/graphql"
        f"\nExplorer  {settings.url}/explorer\n"
    )
    if people:
        console.print(table)
    console.print("Ctrl-C stops it.\n")
