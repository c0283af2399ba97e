"""Settings of the gateway: one environment variable a field, each with its meaning and unit.

The variable is the field's name in capitals. Nothing else reads the environment.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from db.logins import Logins
from graph.setting_conflicts import conflicts
from graph.setting_types import (
    DAYS,
    SECRET_LENGTH,
    Days,
    Host,
    Hosts,
    Networks,
    Number,
    Origin,
    Origins,
    People,
    PostgresAddress,
    Programs,
    RedisAddress,
    Seconds,
    Secret,
    Sender,
    SmtpAddress,
    Token,
    WholeSeconds,
)


class SettingsError(Exception):
    """The settings contradict each other; the message says what to set."""


class Settings(BaseSettings):
    """The settings of one process, read once. graph.server_secret completes them."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    # Where it listens and what it is called
    gateway_env: Literal["development", "production"] = Field(
        default="development", description="`production` asks for a secret and logs JSON."
    )
    host: Host = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one."
    )
    public_url: Origin = Field(
        default="",
        description="Address that people and clients use, without a path; links are built from it."
        " By default the address listened on.",
    )
    allowed_hosts: Hosts = Field(
        default=(),
        description="Values of the Host header to accept, separated by commas; by default the host"
        " of PUBLIC_URL and this machine's own names.",
    )
    cors_origins: Origins = Field(
        default=(),
        description="Origins, such as `https://app.example.com`, whose pages may call the API,"
        " separated by commas; by default only the gateway's own.",
    )
    trusted_proxies: Networks = Field(
        default="127.0.0.1",
        description="Addresses and networks, separated by commas, whose X-Forwarded-For and"
        " X-Forwarded-Proto are believed.",
    )
    metrics_token: Token = Field(
        default=None,
        description="Bearer token that /metrics asks for; without one it answers in development"
        " only.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least level of the events that are logged."
    )
    drain_timeout: WholeSeconds = Field(
        default=5,
        ge=0,
        description="Seconds that requests have to finish when the server is told to stop.",
    )
    drain_delay: Seconds = Field(
        default=0.5,
        ge=0,
        description="Seconds from SIGTERM for which requests are still taken while /readyz says no,"
        " so that a load balancer notices.",
    )

    # What it keeps, and where
    database_url: PostgresAddress = Field(
        default=None,
        description="`postgresql://user:password@host:port/database`, PostgreSQL 15.14 or later;"
        " without it an embedded PostgreSQL 18 runs in the data directory.",
    )
    auth_database_url: PostgresAddress = Field(
        default=None,
        description="Address of the same database for identifying people, as gateway_auth; by"
        " default that of DATABASE_URL. With it DATABASE_URL may log in as gateway_app alone.",
    )
    owner_database_url: PostgresAddress = Field(
        default=None,
        description="Address of the same database for `gateway migrate` and `gateway audit`, as"
        " gateway_owner; by default that of DATABASE_URL. A server does not need it.",
    )
    database_logins: Literal["", "separate", "one"] = Field(
        default="",
        description="`separate`: requests are served by the login of gateway_app, people identified"
        " by that of gateway_auth, with passwords that follow from that in DATABASE_URL. `one`: its"
        " login takes these roles, so that whoever could run SQL of their own could take others. By"
        " default separate where the database has these logins.",
    )
    gateway_data_dir: Path = Field(
        default=Path(".data"),
        description="Folder of the embedded PostgreSQL and of the secret made in development.",
    )
    gateway_pg_bin: Programs = Field(
        default=None,
        description="Folder of other PostgreSQL programs to run as the embedded server.",
    )
    gateway_secret: Secret = Field(
        default=SecretStr(""),
        description=f"At least {SECRET_LENGTH} random characters that sign cookies, cursors and"
        " forms; development makes its own. Changing it signs everybody out.",
    )

    redis_url: RedisAddress = Field(
        default=None,
        description="`redis://user:password@host:port`, or `rediss://` for TLS: carries between"
        " processes who is present and that something has happened. Without it PostgreSQL does.",
    )

    # Connections
    gateway_pooler: Literal["session", "transaction"] = Field(
        default="session",
        description="`transaction` when DATABASE_URL leads to a proxy that pools by transaction.",
    )
    app_connections: Number = Field(
        default=10, ge=1, description="Connections for reading, at most."
    )
    auth_connections: Number = Field(
        default=3, ge=1, description="Connections for identifying, at most."
    )
    orm_connections: Number = Field(
        default=5, ge=1, description="Connections for writing, at most."
    )
    oauth_connections: Number = Field(
        default=3, ge=1, description="Connections for serving applications (OAuth), at most."
    )
    connection_wait: Seconds = Field(
        default=5.0,
        gt=0,
        description="Seconds to wait for a free connection before answering BUSY.",
    )
    viewer_cache: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Seconds for which requests rely on what was read of their viewer. What ends a"
        " token or a role counts at once in the same process, and in every other one as soon as"
        " the feed tells it, after this time at the latest. 0 reads the viewer for each request.",
    )
    statement_timeout: Seconds = Field(
        default=5.0, ge=0.001, description="Seconds that one SQL statement may take."
    )

    # Limits of a request
    operation_timeout: Seconds = Field(
        default=10.0, gt=0, description="Seconds that one GraphQL operation may take."
    )
    body_limit: Number = Field(
        default=1_000_000, ge=1000, description="Bytes of a request's body, at most."
    )
    head_timeout: Seconds = Field(
        default=5.0, gt=0, description="Seconds in which a request's head has come in."
    )
    body_timeout: Seconds = Field(
        default=15.0, gt=0, description="Seconds in which a request's body has come in."
    )
    max_document_length: Number = Field(
        default=100_000, ge=1000, description="Characters of a document, at most."
    )
    document_cache: Number = Field(
        default=32_000_000,
        ge=0,
        description="Bytes of memory for documents that have been parsed and validated.",
    )
    max_tokens: Number = Field(
        default=2000, ge=10, description="Lexical tokens of a document, at most."
    )
    max_depth: int = Field(
        default=12, ge=1, le=100, description="Levels of nested fields, at most."
    )
    max_fields: Number = Field(
        default=1500, ge=1, description="Fields of an operation with its fragments spread, at most."
    )
    max_aliases: Number = Field(default=30, ge=0, description="Aliases of an operation, at most.")
    max_root_fields: Number = Field(
        default=20, ge=1, description="Root fields of a query, at most."
    )
    max_mutations: Number = Field(
        default=5, ge=1, description="Root fields of a mutation, at most."
    )
    max_directives: Number = Field(
        default=50, ge=0, description="Directives of an operation, at most."
    )
    max_list_items: Number = Field(
        default=500, ge=1, description="Items of a list in an argument or a variable, at most."
    )
    max_conditions: Number = Field(
        default=250,
        ge=1,
        description="Comparisons in the filters of an operation, with the members of their `and`"
        " and `or` and the keys of `orderBy`, at most.",
    )
    # Four levels of lists with their default pages of 20 cost 168,421 and must pass: whoever
    # explores a requirement set asks for just that. A fifth level does not pass, nor do pages of
    # 100 in three levels. What passes still has the deadlines of an operation and its statements.
    max_cost: Number = Field(
        default=200_000,
        ge=1,
        description="Cost of an operation, at most: 1 for a field that leads to rows, plus its page"
        " size times the cost of what is selected beneath it.",
    )
    cost_per_second: Number = Field(
        default=5_000,
        ge=1,
        description="Cost that each person, or application that acts for itself, may ask for in a"
        " second, of one process; what is not read is given back.",
    )
    cost_burst: Number = Field(
        default=500_000,
        ge=1000,
        description="Cost that they may ask for at once, after a rest; more than MAX_COST.",
    )
    max_answer_bytes: Number = Field(
        default=16_000_000,
        ge=1000,
        description="Bytes of an answer or a live event, at most; an operation reads at most four"
        " times as many from the database.",
    )

    # Live events
    live_init_timeout: Seconds = Field(
        default=5.0,
        gt=0,
        description="Seconds in which a WebSocket has said who it is.",
    )
    live_connections: Number = Field(
        default=20_000,
        ge=0,
        description="Live connections (WebSocket, event stream) of one process, at most.",
    )
    live_connections_per_address: Number = Field(
        default=500, ge=1, description="Live connections from one address to a process, at most."
    )
    live_subscriptions: Number = Field(
        default=50_000, ge=0, description="Subscriptions of one process, at most."
    )
    live_subscriptions_per_person: Number = Field(
        default=200, ge=1, description="Subscriptions of one person at a process, at most."
    )
    live_subscriptions_per_connection: Number = Field(
        default=20, ge=1, description="Subscriptions of one WebSocket, at most."
    )

    # Mail
    smtp_url: SmtpAddress = Field(
        default=None,
        description="Mail server: `smtp://user:password@host:587`, encrypted by STARTTLS, or"
        " `smtps://user:password@host:465`. Without it mail is written to the log in development,"
        " and what needs mail is not offered in production.",
    )
    mail_from: Sender = Field(
        default="",
        description="Sender of mail, such as `Gateway <gateway@example.com>`; by default `no-reply`"
        " at the host of PUBLIC_URL.",
    )

    # People
    sign_up: Literal["", "open", "approval", "closed"] = Field(
        default="",
        description="Who may sign up: anybody (`open`), anybody, to wait until one of APPROVERS or"
        " `gateway user approve` lets them in (`approval`), or nobody (`closed`). By default"
        " `open` in development and `closed` in production.",
    )
    approvers: People = Field(
        default=(),
        description="E-mail addresses, separated by commas, of those who are told of people who"
        " wait for approval, and approve them at /account/approvals.",
    )
    session_days: Days = Field(
        default=14, ge=1, description="Days until a browser signs in again, however busy it is."
    )
    session_idle_hours: int = Field(
        default=72,
        ge=1,
        le=DAYS * 24,
        description="Hours without a request after which a browser signs in again.",
    )
    sign_in_attempts: Number = Field(
        default=10,
        ge=1,
        description="Failed sign-ins to an account from one network in SIGN_IN_WINDOW, after which"
        " each further one waits.",
    )
    sign_in_window: WholeSeconds = Field(
        default=900, ge=1, description="Seconds that a failed sign-in counts."
    )

    # Applications
    access_token_minutes: int = Field(
        default=60,
        ge=1,
        le=DAYS * 24 * 60,
        description="Minutes that an application's access token lives.",
    )
    refresh_token_days: Days = Field(
        default=30,
        ge=1,
        description="Days without a refresh after which an application asks its user again.",
    )
    refresh_token_max_days: Days = Field(
        default=365,
        ge=1,
        description="Days after which an application asks its user again, however often it"
        " refreshes.",
    )
    client_requests: Number = Field(
        default=600,
        ge=1,
        description="Requests a minute, from one network in the name of one application, to the"
        " OAuth endpoints; a network may send ten times as many in all.",
    )
    require_dpop_nonce: bool = Field(
        default=False,
        description="Whether proofs of possession (DPoP) must hold a nonce of the gateway, so that"
        " none can be made beforehand; by default only those of clients whose clock is wrong.",
    )

    client_registration: Literal["", "open", "closed"] = Field(
        default="",
        description="Whether applications may register themselves (`open`) or an operator registers"
        " each (`closed`). By default `open` in development and `closed` in production, because"
        " whoever registers one chooses the name that people are asked about.",
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        given = [name for name in type(self).model_fields if name in self.model_fields_set]
        if said := list(conflicts(vars(self), given)):
            raise ValueError("; ".join(said))
        return self

    @property
    def logins(self) -> Logins:
        """Return the addresses and logins of the database. DATABASE_URL must be set."""
        assert self.database_url is not None  # noqa: S101 (the command line has filled it in)
        auth, owner = self.auth_database_url, self.owner_database_url
        return Logins(
            self.database_url.get_secret_value(),
            auth.get_secret_value() if auth else None,
            owner.get_secret_value() if owner else None,
            self.database_logins,
            self.gateway_pooler,
        )

    @property
    def in_production(self) -> bool:
        """Return whether the process runs in production."""
        return self.gateway_env == "production"

    @property
    def signing_up(self) -> Literal["open", "approval", "closed"]:
        """Return the policy of sign-up; by default closed in production, else open."""
        return self.sign_up or ("closed" if self.in_production else "open")

    @property
    def registering_clients(self) -> Literal["open", "closed"]:
        """Return the policy of client registration; by default closed in production, else open."""
        return self.client_registration or ("closed" if self.in_production else "open")

    @property
    def url(self) -> str:
        """Return the address of the gateway for people and clients, without a slash at its end."""
        name = "localhost" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        name = f"[{name}]" if ":" in name else name
        return self.public_url or f"http://{name}:{self.port}"
