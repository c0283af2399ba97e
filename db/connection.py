"""Connections that remember in whose context they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import Connection

from db.fair_queue import GATEWAY
from db.metering import Meter
from db.signing import Settings as Told
from db.signing import Signer


@dataclass(frozen=True)
class Context:
    """The context of row level security: the person, their tenants, public projects of others.

    `project` is the only one that is reached, of all that have a project.
    """

    user_id: UUID | None = None
    organizations: frozenset[UUID] = frozenset()
    projects: frozenset[UUID] = frozenset()
    project: UUID | None = None

    def settings(self) -> Told:
        """Return the values of the settings (`db.signing.NAMES`), equal for equal contexts."""
        return self._settings

    @cached_property
    def _settings(self) -> Told:
        return (
            str(self.user_id) if self.user_id else "",
            _array(self.organizations),
            _array(self.projects),
            str(self.project) if self.project else "",
        )

    @cached_property
    def tenant(self) -> UUID | str:
        """Return the key of fair sharing: a tenant, else the person, else the gateway."""
        return min(self.organizations, default=self.user_id or GATEWAY)


NOBODY = Context()

SET = (
    "SELECT set_config('app.user_id', $1, $5), set_config('app.organizations', $2, $5),"
    " set_config('app.projects', $3, $5), set_config('app.project', $4, $5)"
)

BROKEN = (
    asyncpg.AdminShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.InternalClientError,
    asyncpg.InvalidAuthorizationSpecificationError,  # also: the context's signature is over
    asyncpg.PostgresConnectionError,
    ConnectionError,
)
"""Errors after which a connection is of no more use.

asyncpg raises an internal error for one that was ended while nobody used it.
"""


NOTICED = (asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Errors that asyncpg raises of a connection that it has already closed by itself."""

UNREACHABLE = (
    *BROKEN,
    asyncpg.InterfaceError,
    asyncpg.TooManyConnectionsError,
    OSError,
    TimeoutError,
)
"""Errors of opening or using a connection when the server cannot be reached."""


def _array(ids: Iterable[UUID]) -> str:
    return "{" + ",".join(sorted(map(str, ids))) + "}"


class Remembering(asyncpg.Connection):
    """A connection that caches the context last set on it, and counts the bytes it receives."""

    proxied = False
    settings: Told | None = None
    plans_once = False
    """True if statements are planned once for all values (`plan_cache_mode`)."""
    _signer: Signer
    _set = SET

    def __init__(self, protocol: Any, transport: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(protocol, transport, *args, **kwargs)
        self.meter = Meter(protocol, transport)

    @property
    def itself(self) -> "Remembering":
        """Return the connection, also of a proxy of asyncpg's pool, which has its attributes."""
        return self

    def sign_by(self, signer: Signer, with_it: str) -> None:
        """Sign contexts by this signer; `with_it` is SQL that sets more along with each."""
        self._signer, self._set = signer, SET + with_it

    def told(self, settings: Told, *, locally: bool) -> tuple[str, tuple[str, str, str, str, bool]]:
        """Return the statement that sets this context, and its arguments."""
        return self._set, (*self._signer.sign(settings), locally)

    def knows(self, settings: Told) -> bool:
        """Return whether the server has this context already, with a signature that holds."""
        return self.settings == settings and not self._signer.is_due

    async def enter(self, settings: Told) -> None:
        if not self.knows(settings):
            self.settings = None  # unknown until the server has answered
            statement, arguments = self.told(settings, locally=False)
            await self.execute(statement, *arguments)
            self.settings = settings

    async def plan(self, *, once: bool) -> None:
        """Have statements planned once for all values, or as PostgreSQL thinks best."""
        if self.plans_once is not once and not self.proxied:
            mode = "force_generic_plan" if once else "auto"
            await self.execute(f"SET plan_cache_mode = {mode}")
            self.plans_once = once

    async def enter_locally(self, settings: Told) -> None:
        """Set the context for the rest of the transaction."""
        statement, arguments = self.told(settings, locally=True)
        await self.execute(statement, *arguments)

    async def reset(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 (asyncpg's)
        """Keep the context, which the next loan compares; roll back an open transaction."""
        if self.is_in_transaction():
            await self.execute("ROLLBACK", timeout=timeout)


class Proxied(Remembering):
    """A connection through a proxy that pools by transaction: settings may reach another client."""

    proxied = True

    async def prepare(self, query: str, **options: Any) -> "PreparedStatement[Any]":
        """Prepare it without a name: the next transaction may be another connection's."""
        prepared: PreparedStatement[Any] = await super().prepare(query, **options | {"name": ""})
        return prepared


class Speaking(Proxied):
    """A connection through such a proxy of which each statement is a transaction."""

    async def fetch(self, *args: Any, **options: Any) -> list[Any]:
        """Return the rows."""
        async with self.transaction():
            await self.enter_locally(NOBODY.settings())
            rows: list[Any] = await super().fetch(*args, **options)
            return rows

    async def fetchrow(self, *args: Any, **options: Any) -> Any:
        """Return the first row."""
        async with self.transaction():
            await self.enter_locally(NOBODY.settings())
            return await super().fetchrow(*args, **options)


def enter_locally(connection: Connection, context: Context) -> None:
    """Put an engine's connection into this context for the rest of its transaction."""
    adapted: Any = connection.connection.dbapi_connection
    driver: Remembering = adapted.driver_connection
    connection.exec_driver_sql(*driver.told(context.settings(), locally=True))
