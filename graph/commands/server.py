"""Running the gateway: `gateway dev` for developers, `gateway serve` for everyone else."""

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

import uvicorn
from starlette.types import ASGIApp

from graph.commands.database import migrate, migrated, require_migrated, running, say
from graph.commands.demo import Account, accounts
from graph.http.garbage import keep_looks_short
from graph.http.server import Config
from graph.logs import set_up
from graph.settings import Settings, SettingsError, with_secret

APPLICATION = "graph.commands.server:application"
SOURCE = [str(Path(__file__).parents[2] / name) for name in ("auth", "db", "graph")]
READY_LIMIT = 60
"""Seconds to wait for the first answer before the greeting is given up."""


class ServeError(Exception):
    """The server cannot start; the message says why."""


def dev(settings: Settings, *, reload: bool) -> None:
    """Run on a database with demo data and, unless told otherwise, reload changed source."""
    with _ended_by_sigterm(), _listening(settings) as listener:
        ours = _with_port(with_secret(settings), listener, drain_delay=0)  # nobody balances load
        say("Starting PostgreSQL ...")
        with running(ours) as dsn:
            if not migrated(dsn):
                say("Creating the tables ...")
                migrate(dsn)
            people = accounts(dsn, ours)
            _hand_down(ours, dsn)
            _when_it_answers(ours, lambda: _greet(ours, people))
            watched = SOURCE if reload else None
            _run(
                Config(APPLICATION, ours, factory=True, reload_dirs=watched, reload=reload),
                listener,
            )


def serve(settings: Settings, *, migrate_first: bool, workers: int) -> None:
    """Run for others: on migrated tables, draining when told to stop."""
    settings = with_secret(settings)
    if settings.in_production and not settings.database_url:
        raise SettingsError("Set DATABASE_URL: the embedded PostgreSQL is for development.")
    with _ended_by_sigterm(), _listening(settings) as listener, running(settings) as dsn:
        if migrate_first:
            migrate(dsn)
        require_migrated(dsn)
        _hand_down(_with_port(settings, listener), dsn)
        _run(Config(APPLICATION, settings, factory=True, workers=workers), listener)


def application() -> ASGIApp:
    """The application of one server process, with the settings of its environment."""
    from graph.app import create_app

    settings = Settings()
    set_up(settings)
    _end_with_parent()
    app = create_app(settings)
    keep_looks_short()
    return app


def _run(config: Config, listener: socket.socket) -> None:
    set_up(config.settings)
    server = uvicorn.Server(config)
    if config.should_reload:
        from uvicorn.supervisors import ChangeReload

        ChangeReload(config, target=server.run, sockets=[listener]).run()
    elif config.workers > 1:
        from uvicorn.supervisors import Multiprocess

        Multiprocess(config, sockets=[listener]).run()
    else:
        server.run(sockets=[listener])
        if not server.started:
            raise ServeError("The gateway could not start; the log above says why.")


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The socket of the gateway: whether it can be had shows before anything is started."""
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


def _hand_down(settings: Settings, dsn: str) -> None:
    """Tell the server processes through the environment what this one has found out."""
    os.environ |= {
        "DATABASE_URL": dsn,
        "GATEWAY_SECRET": settings.gateway_secret.get_secret_value(),
        "PORT": str(settings.port),
        "DRAIN_DELAY": str(settings.drain_delay),
    }


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Leave through every `finally` on SIGTERM, which uvicorn raises again once it has drained."""

    def leave(*_: object) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end_with_parent() -> None:
    """End a server process whose supervisor was killed, so that it does not keep the port."""
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
    console.print(f"\nGateway   {settings.url}/graphql\nExplorer  {settings.url}/explorer\n")
    if people:
        console.print(table)
    console.print("Ctrl-C stops it.\n")
