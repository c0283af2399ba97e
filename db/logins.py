"""Logins of the gateway's roles: the login that serves requests can take no other role.

The roles gateway_app and gateway_auth log in by themselves, with passwords derived from the one in
DATABASE_URL (db/roles.sql sets the same). Where a database has no such logins, one login is member
of the roles and takes them: injected SQL could then take the others.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

import asyncpg

from db.problem import Problem
from db.signing import KEY, key_of
from db.supported import require_supported

OWNER, APPLICATION, AUTHENTICATION = "gateway_owner", "gateway_app", "gateway_auth"
Separation = Literal["", "separate", "one"]
Pooler = Literal["session", "transaction"]

LOGINS = "SELECT coalesce(bool_and(rolcanlogin), false) FROM pg_roles WHERE rolname = ANY ($1)"
"""The query for whether the roles that serve requests can log in by themselves."""


REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.ProtocolViolationError)
"""Errors with which a server, or a proxy before it, refuses a login."""


@dataclass(frozen=True)
class Login:
    """The address, credentials and role with which to connect."""

    dsn: str
    user: str | None = None
    password: str | None = None
    """Credentials in place of those in the address."""
    role: str | None = None
    """The role to take then, when it is not the login's own."""

    @property
    def options(self) -> dict[str, Any]:
        """Return arguments of asyncpg.connect."""
        given = {"user": self.user, "password": self.password}
        return {"dsn": self.dsn} | {name: value for name, value in given.items() if value}


@dataclass(frozen=True)
class Logins:
    """The addresses that an operator has set; by default all are `dsn`."""

    dsn: str
    auth_dsn: str | None = None
    owner_dsn: str | None = None
    separation: Separation = ""
    pooler: Pooler = "session"

    @staticmethod
    def of(at: "str | Logins") -> "Logins":
        """Return the logins of a single address, or the logins given."""
        return Logins(at) if isinstance(at, str) else at

    def login(self, role: str) -> Login:
        """Return the login of this role, with SET ROLE where the address has another user."""
        given = {AUTHENTICATION: self.auth_dsn, OWNER: self.owner_dsn}.get(role)
        dsn = given or self.dsn
        return Login(dsn, role=None if user_of(dsn) == role else role)

    @property
    def may_be_separate(self) -> bool:
        """Return whether the roles' own passwords follow from that of `dsn`."""
        return self.separation != "one" and bool(password_of(self.dsn))

    def own_login(self, role: str) -> Login:
        """Return the role's own login, with the password derived for it."""
        login = self.login(role)
        if login.role is None or login.dsn != self.dsn:
            return login
        password = derived_password(role, password_of(self.dsn))
        return replace(login, user=role, password=password, role=None)


class Found(NamedTuple):
    """The logins of the roles that serve requests, and the key that signs contexts."""

    logins: dict[str, Login]
    key: bytes
    shared: bool
    """True if the login that serves requests may become another role."""


async def find(at: Logins) -> Found:
    """Find the logins. Raises Problem when the server is too old, or refuses a login."""
    logins = {role: at.login(role) for role in (APPLICATION, AUTHENTICATION)}
    if any(login.role and login.dsn == at.dsn for login in logins.values()):
        if user_of(at.dsn) == APPLICATION:
            message = f"Set AUTH_DATABASE_URL: {APPLICATION} may not identify people."
            raise Problem("INTERNAL", message)
        if await _are_separate(at):
            logins = {role: at.own_login(role) for role in logins}
    with refused_login(logins[AUTHENTICATION]):
        key = await _read_key(logins[AUTHENTICATION])
    return Found(logins, key, shared=logins[APPLICATION].role is not None)


async def _are_separate(at: Logins) -> bool:
    connection = await asyncpg.connect(at.dsn, statement_cache_size=0)
    try:
        require_supported(connection.get_server_version())
        exist: bool = await connection.fetchval(LOGINS, (APPLICATION, AUTHENTICATION))
    finally:
        connection.terminate()
    if at.separation == "separate" and not (exist and at.may_be_separate):
        raise Problem(
            "INTERNAL",
            f"{APPLICATION} and {AUTHENTICATION} do not log in by themselves: let a superuser run"
            " db/roles.sql, and DATABASE_URL have its password; or set DATABASE_LOGINS=one.",
        )
    return exist and at.may_be_separate


async def _read_key(login: Login) -> bytes:
    connection = await asyncpg.connect(**login.options, statement_cache_size=0)
    try:
        require_supported(connection.get_server_version())
        async with connection.transaction():
            if login.role:
                await connection.execute(f"SET LOCAL ROLE {login.role}")
            return key_of(await connection.fetchval(KEY))
    except asyncpg.UndefinedTableError as error:
        message = "The database's tables are not those of this version: run `gateway migrate`."
        raise Problem("INTERNAL", message) from error
    finally:
        connection.terminate()


@contextmanager
def refused_login(login: Login) -> Iterator[None]:
    """Turn the refusal of a role's own login into a Problem that names the remedy."""
    try:
        yield
    except REFUSED as error:
        if login.user is None:
            raise
        raise Problem(
            "INTERNAL",
            f"The database refuses the login {login.user} ({error}): let a superuser run"
            " db/roles.sql with the password in DATABASE_URL, or set DATABASE_LOGINS=one.",
        ) from error


def derived_password(role: str, password: str) -> str:
    """Return the password of the role's own login. db/roles.sql computes the same."""
    return hashlib.sha256(f"{role}:{password}".encode()).hexdigest()


def user_of(dsn: str) -> str:
    """Return the user in an address, empty if it has none."""
    return _credentials(dsn)[0]


def password_of(dsn: str) -> str:
    """Return the password in an address; "" without one."""
    return _credentials(dsn)[1]


def _credentials(dsn: str) -> tuple[str, str]:
    given, _, _ = urlsplit(dsn).netloc.rpartition("@")
    user, _, password = given.partition(":")
    return unquote(user), unquote(password)
