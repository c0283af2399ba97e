"""The pools of PostgreSQL connections; each connection is lent in the context of one viewer.

Row level security reads the context from settings of the connection. They stay on it between
loans, and a loan sets them only when they differ: the same viewer asking again, to read or to
write, costs no round trip. Behind a proxy that pools by transaction they are set inside each
transaction instead.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias, cast
from uuid import UUID

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy
from sqlalchemy import Connection
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.event import listens_for
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from db.problem import Problem

APPLICATION, AUTHENTICATION = "gateway_app", "gateway_auth"
OLDEST_SERVER = 150014
"""15.14: the first release of PostgreSQL 15 without a known hole in row level security."""


@dataclass(frozen=True)
class Context:
    """What row level security knows: the person, their tenants, public projects of others."""

    user_id: UUID | None = None
    organizations: frozenset[UUID] = frozenset()
    projects: frozenset[UUID] = frozenset()

    def settings(self) -> tuple[str, str, str]:
        """Values of app.user_id, app.organizations and app.projects, equal for equal contexts."""
        return (
            str(self.user_id) if self.user_id else "",
            _array(self.organizations),
            _array(self.projects),
        )


NOBODY = Context()

Lent: TypeAlias = "PoolConnectionProxy[Any]"
"""A connection for as long as `Pool.lend` gives it."""

SET = (
    "SELECT set_config('app.user_id', $1, $4), set_config('app.organizations', $2, $4),"
    " set_config('app.projects', $3, $4)"
)


SILENCE = 15.0
"""Seconds for which a connection that listens may ask nothing. The server then ends it, and frees
the locks that it holds: its process stands still, or its machine is gone without a word."""

BROKEN = (
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    ConnectionError,
)
"""What is raised of a connection that is of no more use.

An internal error is what asyncpg says of one that was ended while nobody used it.
"""


NOTICED = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg raises of a connection that it has given up already, by itself."""

UNREACHABLE = (
    *BROKEN,
    asyncpg.InterfaceError,
    asyncpg.TooManyConnectionsError,
    OSError,
    TimeoutError,
)
"""What is raised where a connection is to be made or used, and the server cannot be asked."""


def _array(ids: Iterable[UUID]) -> str:
    return "{" + ",".join(sorted(map(str, ids))) + "}"


class _Connection(asyncpg.Connection):
    """A connection that remembers the context it was last given."""

    proxied = False
    settings: tuple[str, str, str] | None = None

    async def enter(self, settings: tuple[str, str, str]) -> None:
        if self.settings != settings:
            self.settings = None  # unknown until the server has answered
            await self.execute(SET, *settings, False)
            self.settings = settings

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 (asyncpg's)
        """Keep the context, which the next loan compares; end what a cancelled loan left open."""
        if self.is_in_transaction():
            await self.execute("ROLLBACK", timeout=timeout)


class _ProxiedConnection(_Connection):
    """One through a proxy that pools by transaction: what is set on it may be another's next."""

    proxied = True


def _is_closed(connection: Lent) -> bool:
    """Whether it ended between two statements; the pool may have taken it back because of that."""
    try:
        return connection.is_closed()
    except NOTICED:
        return True


def enter(connection: Connection, context: Context) -> None:
    """Put an engine's connection into this context, for the transaction that begins on it.

    BUSY when the connection turns out to be lost. PostgreSQL is told of the transaction with its
    first statement; before that, the connection can be told for longer, and remembers.
    """
    adapted: Any = connection.connection.dbapi_connection
    driver: _Connection = adapted.driver_connection
    settings = context.settings()
    if driver.proxied or driver.is_in_transaction():
        connection.exec_driver_sql(SET, (*settings, True))
        return
    try:
        if driver.settings != settings:
            adapted.run_async(lambda _: driver.enter(settings))
    except BROKEN as error:
        connection.invalidate()
        raise Problem("BUSY", "The connection to the database was lost.") from error


async def _read_json(connection: asyncpg.Connection) -> None:
    """Columns of type jsonb arrive as Python values; they are sent as text."""
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=orjson.loads)


def _require_open(connection: Any, *_: object) -> None:
    """Have the engine's pool replace what the server has closed; asyncpg knows without asking."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _discard_if_broken(context: ExceptionContext) -> None:
    """Have the engine's pool drop a connection that the server has ended, and no other one.

    Between the server's last message and the end of the socket asyncpg calls it open still.
    """
    cause = getattr(context.original_exception, "__cause__", None)
    if isinstance(cause, BROKEN):
        context.is_disconnect = True
    context.invalidate_pool_on_disconnect = False


class Pool:
    """Connections of one role. Use `lend`; nothing else gives a connection."""

    def __init__(self, pool: "asyncpg.Pool[Any]", wait: float, per_transaction: bool) -> None:
        self._pool, self._wait, self._per_transaction = pool, wait, per_transaction

    @asynccontextmanager
    async def lend(self, context: Context) -> AsyncIterator[Lent]:
        """A connection in this context; BUSY when none is free in time, or the server ends it."""
        try:
            connection = await self._pool.acquire(timeout=self._wait)
        except UNREACHABLE as error:
            raise Problem("BUSY", "The database has no connection to spare.") from error
        try:
            if self._per_transaction:
                async with connection.transaction():
                    await connection.execute(SET, *context.settings(), True)
                    yield connection
            else:
                await cast(_Connection, connection).enter(context.settings())
                yield connection
        except (*BROKEN, *NOTICED) as error:
            if not (isinstance(error, BROKEN) or _is_closed(connection)):
                raise
            with suppress(*NOTICED):
                connection.terminate()
            raise Problem("BUSY", "The connection to the database was lost.") from error
        finally:
            with suppress(*NOTICED):
                await asyncio.shield(self._pool.release(connection))

    @property
    def size(self) -> int:
        """Connections open now."""
        return self._pool.get_size()

    @property
    def idle(self) -> int:
        """Connections open and not lent."""
        return self._pool.get_idle_size()


class Database:
    """All that the process holds of its database: a pool and an engine of the ORM for each role.

    An async context manager: entering it connects. Times are in seconds.
    """

    app: Pool
    auth: Pool
    orm: AsyncEngine
    auth_orm: AsyncEngine

    def __init__(
        self,
        dsn: str,
        *,
        app_connections: int = 10,
        auth_connections: int = 3,
        orm_connections: int = 5,
        oauth_connections: int = 3,
        wait: float = 5.0,
        statement_timeout: float = 5.0,
        pooler: Literal["session", "transaction"] = "session",
    ) -> None:
        self.dsn = dsn
        self._sizes = {APPLICATION: app_connections, AUTHENTICATION: auth_connections}
        self._engine_sizes = {APPLICATION: orm_connections, AUTHENTICATION: oauth_connections}
        self._wait, self._statement_timeout = wait, statement_timeout
        self.pools_transactions = pooler == "transaction"
        """Whether what is set, locked or listened to lasts no longer than a transaction."""
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Connect. Raises Problem when the server is too old."""
        async with AsyncExitStack() as opening:
            self.app = await self._pool(opening, APPLICATION)
            self.auth = await self._pool(opening, AUTHENTICATION)
            self.orm = self._engine(opening, APPLICATION)
            self.auth_orm = self._engine(opening, AUTHENTICATION)
            async with self.app.lend(NOBODY) as connection:
                require_supported(connection.get_server_version())
            self._open = opening.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def listen(self, channel: str, hear: Callable[[str], None]) -> asyncpg.Connection:
        """A connection of its own, as gateway_auth, which calls `hear` with what each NOTIFY says.

        Behind a proxy that pools by transaction there are none: its owner has to look by itself.
        Whoever opens it closes it, and asks something more often than every SILENCE seconds.
        """
        options = self._options(AUTHENTICATION)
        if not self.pools_transactions:
            options["server_settings"] |= _ended_when_silent(SILENCE)
        connection: asyncpg.Connection = await asyncpg.connect(**options)
        if not self.pools_transactions:
            await connection.add_listener(channel, lambda *heard: hear(heard[-1]))
        return connection

    async def _pool(self, opening: AsyncExitStack, role: str) -> Pool:
        pool = asyncpg.create_pool(
            min_size=1,
            max_size=self._sizes[role],
            connection_class=_Connection,
            init=_read_json,
            **self._options(role),
        )
        await opening.enter_async_context(pool)
        return Pool(pool, self._wait, self.pools_transactions)

    def _engine(self, opening: AsyncExitStack, role: str) -> AsyncEngine:
        class_ = _ProxiedConnection if self.pools_transactions else _Connection
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: asyncpg.connect(**self._options(role), connection_class=class_),
            json_deserializer=orjson.loads,  # one reading of numbers, whoever reads
            pool_size=self._engine_sizes[role],
            max_overflow=0,
            pool_timeout=self._wait,
            hide_parameters=role == AUTHENTICATION,  # an error must not show what it looked for
        )
        listens_for(engine.sync_engine, "checkout")(_require_open)
        listens_for(engine.sync_engine, "handle_error")(_discard_if_broken)
        opening.push_async_callback(engine.dispose)
        return engine

    def _options(self, role: str) -> dict[str, Any]:
        milliseconds = int(self._statement_timeout * 1000)
        return {
            "dsn": self.dsn,
            "server_settings": {
                "role": role,
                "application_name": role,
                "timezone": "UTC",
                "jit": "off",  # compiling a statement takes longer than any of ours runs
                "statement_timeout": str(milliseconds),
                "lock_timeout": str(milliseconds),
                "idle_in_transaction_session_timeout": "60000",
            },
            "command_timeout": self._statement_timeout + 1,  # the server should say so first
            **({"statement_cache_size": 0} if self.pools_transactions else {}),
        }


def _ended_when_silent(seconds: float) -> dict[str, str]:
    """Settings by which the server ends a connection that asks nothing, or takes no answer."""
    milliseconds, third = str(int(seconds * 1000)), str(max(int(seconds / 3), 1))
    return {
        "idle_session_timeout": milliseconds,
        "tcp_user_timeout": milliseconds,
        "tcp_keepalives_idle": third,
        "tcp_keepalives_interval": third,
        "tcp_keepalives_count": "2",
    }


def require_supported(version: asyncpg.ServerVersion) -> None:
    """Refuse servers whose row level security has known holes (older than 15.14)."""
    # asyncpg reads 15.14 as 15.0.14.
    if version.major * 10000 + version.micro < OLDEST_SERVER:
        raise Problem(
            "INTERNAL",
            f"PostgreSQL {version.major}.{version.micro} is too old:"
            " the gateway needs 15.14 or later.",
        )
