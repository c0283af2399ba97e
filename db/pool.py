"""The pools of PostgreSQL connections; each connection is lent in the context of one viewer.

Row level security reads the context from settings of the connection, which are signed
(`db.signing`). They stay on it between loans, and a loan sets them only when they differ: the same
viewer asking again, to read or to write, costs no round trip. Behind a proxy that pools by
transaction they are set inside each transaction instead, and time-outs with them.

Settings of a connection are set by statements and not in the startup message: proxies refuse or
drop parameters that they do not know there.
"""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from time import time
from typing import Any, Self, cast

import asyncpg
import orjson
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.event import listens_for
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import configure_mappers

from db.connection import (
    BROKEN,
    NOBODY,
    UNREACHABLE,
    Context,
    Proxied,
    Remembering,
    Speaking,
    enter_locally,
)
from db.fair_queue import Turns
from db.lending import Lent, Pool, bytes_received
from db.logins import APPLICATION, AUTHENTICATION, Logins, Pooler, find, refused_login
from db.patience import PatientPool
from db.problem import Problem
from db.signing import Server, Signer
from db.traced import Trace, traced

__all__ = ["NOBODY", "UNREACHABLE", "Context", "Database", "Lent", "Pool", "bytes_received"]

NOW = "extract(epoch FROM clock_timestamp())::float8"

SILENCE = 15.0
"""Seconds for which a listening connection may be idle. The server then closes it, and frees its
locks: its process hangs, or its machine is lost."""


async def _read_json(connection: asyncpg.Connection, *types: str) -> None:
    """Decode columns of these types into Python values; parameters are sent as text."""
    for type_ in types:
        await connection.set_type_codec(
            type_, schema="pg_catalog", encoder=str, decoder=orjson.loads
        )


def _require_open(connection: Any, *_: object) -> None:
    """Have the engine's pool replace a connection that the server has closed, without a query."""
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


class Database:
    """The process's connections to its database: pools of each role, and an engine for OAuth.

    An async context manager: entering it connects. Times are in seconds.
    """

    app: Pool
    auth: Pool
    writing: Pool
    auth_orm: AsyncEngine

    def __init__(
        self,
        at: str | Logins,
        *,
        app_connections: int = 10,
        auth_connections: int = 3,
        orm_connections: int = 5,
        oauth_connections: int = 3,
        wait: float = 5.0,
        statement_timeout: float = 5.0,
        pooler: Pooler | None = None,
        largest_read: int | None = None,
        trace: Trace | None = None,
    ) -> None:
        """Configure pools; `largest_read` is the bytes one loan to the application may receive.

        `trace` traces each statement of a pool.
        """
        self._pooled = traced(trace) if trace else Remembering
        self._at = Logins.of(at)
        self.dsn, self.largest_read = self._at.dsn, largest_read
        self._sizes = {APPLICATION: app_connections, AUTHENTICATION: auth_connections}
        self._writing_size, self._oauth_size = orm_connections, oauth_connections
        self._wait, self._statement_timeout = wait, statement_timeout
        self.pools_transactions = (pooler or self._at.pooler) == "transaction"
        """True if settings, locks and LISTEN last no longer than a transaction."""
        self.access_changed: Callable[[], None] = lambda: None
        """Called after a write that may change rights."""
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Connect. Raises Problem when the server is too old, or refuses a login."""
        found = await find(self._at)
        self._logins, self._key = found.logins, found.key
        self.shares_login = found.shared
        """True if the login that serves requests may become another role."""
        async with AsyncExitStack() as opening:
            self.app = await self._pool(opening, APPLICATION, self._sizes[APPLICATION])
            self.auth = await self._pool(opening, AUTHENTICATION, self._sizes[AUTHENTICATION])
            configure_mappers()  # takes long enough for the first request to hold up others by it
            self.writing = await self._pool(
                opening, APPLICATION, self._writing_size, "json", at_once=0
            )
            self.auth_orm = self._engine(opening)
            with suppress(Problem):  # before another pool has taken the last one
                async with self.writing.lend(NOBODY, planned_once=True):
                    pass
            with suppress(PoolTimeout):
                await (await self.auth_orm.connect()).close()
            self._open = opening.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def listen(self, channel: str, hear: Callable[[str], None]) -> asyncpg.Connection:
        """Open a dedicated connection, as gateway_auth, that calls `hear` with payloads of NOTIFY.

        Behind a proxy that pools by transaction there are no notifications: the caller has to poll.
        The caller closes it, and runs a statement at least every SILENCE seconds. Raises
        ReadOnlySQLTransactionError on a standby, which has no notifications.
        """
        connection = await self.look()
        if not self.pools_transactions:
            try:
                await connection.add_listener(channel, lambda *heard: hear(heard[-1]))
            except BaseException:
                connection.terminate()
                raise
        return connection

    async def look(self) -> asyncpg.Connection:
        """Open a connection as `listen` does, without notifications."""
        if self.pools_transactions:
            return await self._connect(AUTHENTICATION, Speaking)
        connection = await self._connect(AUTHENTICATION, Remembering)
        try:
            await connection.execute(
                f"SELECT 1{_set(_ended_when_silent(SILENCE), locally='false')}"
            )
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _pool(
        self, opening: AsyncExitStack, role: str, size: int, *read: str, at_once: int = 1
    ) -> Pool:
        """Open a pool. Besides jsonb, columns of the types `read` are read as JSON."""

        async def init(connection: asyncpg.Connection) -> None:
            await self._set_up(connection, role)
            await _read_json(connection, "jsonb", *read)

        pool = asyncpg.create_pool(
            min_size=at_once,
            max_size=size,
            connection_class=self._pooled,
            init=init,
            **self._options(role),
        )
        with refused_login(self._logins[role]):
            await opening.enter_async_context(pool)
        turns = Turns(size, self._wait)
        lending = Pool(pool, turns, self._wait, self.pools_transactions)
        opening.push_async_callback(lending.close)
        return lending

    def _engine(self, opening: AsyncExitStack) -> AsyncEngine:
        """Return the engine of the ORM with which OAuth reads and writes, as gateway_auth."""
        class_ = Proxied if self.pools_transactions else Remembering
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda: self._connect(AUTHENTICATION, class_),
            json_deserializer=orjson.loads,  # one reading of numbers, whoever reads
            poolclass=PatientPool,
            pool_size=self._oauth_size,
            max_overflow=0,
            pool_timeout=self._wait,
            hide_parameters=True,  # an error must not show what it looked for
        )
        listens_for(engine.sync_engine, "checkout")(_require_open)
        listens_for(engine.sync_engine, "handle_error")(_discard_if_broken)
        if self.pools_transactions:
            listens_for(engine.sync_engine, "begin")(lambda begun: enter_locally(begun, NOBODY))
        opening.push_async_callback(engine.dispose)
        return engine

    async def _connect(self, role: str, class_: type[Remembering]) -> Remembering:
        connection = await asyncpg.connect(**self._options(role), connection_class=class_)
        try:
            await self._set_up(connection, role)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _set_up(self, connection: asyncpg.Connection, role: str) -> None:
        """Have the connection in its role and with its time-outs, now or in each transaction."""
        settings = self._settings(role)
        process, now, along = "0", "", _set(settings, locally="$5")
        if not self.pools_transactions:
            process, now, along = "pg_backend_pid()", _set(settings, locally="false"), ""
        # A text, whose type asyncpg knows: looking up that of an array takes long.
        text = await connection.fetchval(f"SELECT concat_ws(' ', {process}, {NOW}){now}")
        number, clock = text.split()
        if role == APPLICATION:
            cast(Remembering, connection).meter.maximum = self.largest_read
        signer = Signer(self._key, Server(int(number), float(clock) - time()))
        cast(Remembering, connection).sign_by(signer, along)

    def _settings(self, role: str) -> dict[str, str]:
        milliseconds = int(self._statement_timeout * 1000)
        taken = self._logins[role].role
        return {
            **({"role": taken} if taken else {}),
            "timezone": "UTC",
            "datestyle": "ISO",
            "jit": "off",  # compiling a statement takes longer than any of ours runs
            "statement_timeout": str(milliseconds),
            # Shorter, so that whoever waits for a row is told that it is that.
            "lock_timeout": str(max(milliseconds * 4 // 5, 1)),
            # Nothing in a transaction waits for anything but the database. A process that stands
            # still in one keeps its locks no longer than this.
            "idle_in_transaction_session_timeout": str(2 * milliseconds),
        }

    def _options(self, role: str) -> dict[str, Any]:
        return {
            **self._logins[role].options,
            "server_settings": {"application_name": role},
            "command_timeout": self._statement_timeout + 1,  # the server should say so first
            **({"statement_cache_size": 0} if self.pools_transactions else {}),
        }


def _set(settings: Mapping[str, str], *, locally: str) -> str:
    """Return further columns for a SELECT that set these settings."""
    return "".join(
        f", set_config('{name}', '{value}', {locally})" for name, value in settings.items()
    )


def _ended_when_silent(seconds: float) -> dict[str, str]:
    """Return settings by which the server closes an idle connection, or one that is not read."""
    milliseconds, third = str(int(seconds * 1000)), str(max(int(seconds / 3), 1))
    return {
        "idle_session_timeout": milliseconds,
        "tcp_user_timeout": milliseconds,
        "tcp_keepalives_idle": third,
        "tcp_keepalives_interval": third,
        "tcp_keepalives_count": "2",
    }
