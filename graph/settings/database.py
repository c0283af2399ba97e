"""The settings of the database and of the connections to it."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from graph.settings.types import Number, PostgresAddress, Programs, Seconds


class DatabaseSettings(BaseSettings):
    """The settings of the database and of the connections to it."""

    database_url: PostgresAddress = Field(
        default=None,
        description="The connection URL of the database:"
        " `postgresql://user:password@host:port/database`, PostgreSQL 15.14 or later."
        " Without it, an embedded PostgreSQL 18 runs in the data directory.",
    )
    auth_database_url: PostgresAddress = Field(
        default=None,
        description="The connection URL of the same database for authentication, as gateway_auth."
        " Defaults to DATABASE_URL. If it is set, DATABASE_URL can log in as gateway_app"
        " alone.",
    )
    owner_database_url: PostgresAddress = Field(
        default=None,
        description="The connection URL of the same database for `gateway migrate` and `gateway"
        " audit`, as gateway_owner. Defaults to DATABASE_URL. A server does not need it.",
    )
    database_logins: Literal["", "separate", "one"] = Field(
        default="",
        description="`separate`: the server logs in as gateway_app to serve requests and as"
        " gateway_auth to authenticate, with passwords derived from the one in"
        " DATABASE_URL. `one`: the login in DATABASE_URL switches to these roles, so an"
        " attacker who can run SQL can switch to other roles. Defaults to `separate` if"
        " the database has these logins.",
    )
    gateway_pg_bin: Programs = Field(
        default=None,
        description="The directory of other PostgreSQL binaries to use for the embedded server.",
    )
    gateway_pooler: Literal["session", "transaction"] = Field(
        default="session",
        description="`transaction` if DATABASE_URL points to a proxy with transaction pooling.",
    )
    app_connections: Number = Field(
        default=10, ge=1, description="The maximum number of database connections for reads."
    )
    auth_connections: Number = Field(
        default=3,
        ge=1,
        description="The maximum number of database connections for authentication.",
    )
    orm_connections: Number = Field(
        default=5, ge=1, description="The maximum number of database connections for writes."
    )
    oauth_connections: Number = Field(
        default=3,
        ge=1,
        description="The maximum number of database connections for the OAuth endpoints.",
    )
    connection_wait: Seconds = Field(
        default=5.0,
        gt=0,
        description="The time in seconds to wait for a free database connection before a request is"
        " refused with BUSY.",
    )
    statement_timeout: Seconds = Field(
        default=5.0, ge=0.001, description="The maximum time in seconds of an SQL statement."
    )
