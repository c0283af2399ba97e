"""What an operator can set: one environment variable a field, each with its meaning and its unit.

The variable is the field's name in capitals. Nothing else reads the environment.
"""

import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Literal
from unicodedata import normalize
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SECRET_LENGTH = 32
"""Characters that GATEWAY_SECRET has at least."""


class SettingsError(Exception):
    """The settings do not fit together; the message says what to set."""


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class Settings(BaseSettings):
    """The settings of one process, read once. `with_secret` completes them for a server."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    # Where it listens and what it is called
    gateway_env: Literal["development", "production"] = Field(
        default="development", description="`production` asks for a secret and logs JSON."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one."
    )
    public_url: str = Field(
        default="",
        description="Address that people and clients use, without a path; links are built from it."
        " By default the address listened on.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(),
        description="Values of the Host header to accept, separated by commas; by default the host"
        " of PUBLIC_URL and this machine's own names.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(),
        description="Origins, such as `https://app.example.com`, whose pages may call the API,"
        " separated by commas; by default only the gateway's own.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1",
        description="Addresses and networks, separated by commas, whose X-Forwarded-For and"
        " X-Forwarded-Proto are believed.",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description="Bearer token that /metrics asks for; without one it answers in development"
        " only.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least level of the events that are logged."
    )
    drain_timeout: int = Field(
        default=5,
        ge=0,
        description="Seconds that requests have to finish when the server is told to stop.",
    )
    drain_delay: float = Field(
        default=0.5,
        ge=0,
        description="Seconds from SIGTERM for which requests are still taken while /readyz says no,"
        " so that a load balancer notices.",
    )

    # What it keeps, and where
    database_url: SecretStr | None = Field(
        default=None,
        description="`postgresql://user:password@host:port/database`, PostgreSQL 15.14 or later;"
        " without it an embedded PostgreSQL 18 runs in the data directory.",
    )
    gateway_data_dir: Path = Field(
        default=Path(".data"),
        description="Folder of the embedded PostgreSQL and of the secret made in development.",
    )
    gateway_pg_bin: Path | None = Field(
        default=None,
        description="Folder of other PostgreSQL programs to run as the embedded server.",
    )
    gateway_secret: SecretStr = Field(
        default=SecretStr(""),
        description=f"At least {SECRET_LENGTH} random characters that sign cookies, cursors and"
        " forms; development makes its own. Changing it signs everybody out.",
    )

    redis_url: SecretStr | None = Field(
        default=None,
        description="`redis://user:password@host:port`, or `rediss://` for TLS: carries between"
        " processes who is present and that something has happened. Without it PostgreSQL does.",
    )

    # Connections
    gateway_pooler: Literal["session", "transaction"] = Field(
        default="session",
        description="`transaction` when DATABASE_URL leads to a proxy that pools by transaction.",
    )
    app_connections: int = Field(default=10, ge=1, description="Connections for reading, at most.")
    auth_connections: int = Field(
        default=3, ge=1, description="Connections for identifying, at most."
    )
    orm_connections: int = Field(default=5, ge=1, description="Connections for writing, at most.")
    oauth_connections: int = Field(
        default=3, ge=1, description="Connections for serving applications (OAuth), at most."
    )
    connection_wait: float = Field(
        default=5.0,
        gt=0,
        description="Seconds to wait for a free connection before answering BUSY.",
    )
    statement_timeout: float = Field(
        default=5.0, gt=0, description="Seconds that one SQL statement may take."
    )

    # Limits of a request
    operation_timeout: float = Field(
        default=10.0, gt=0, description="Seconds that one GraphQL operation may take."
    )
    body_limit: int = Field(
        default=1_000_000, ge=1000, description="Bytes of a request's body, at most."
    )
    head_timeout: float = Field(
        default=5.0, gt=0, description="Seconds in which a request's head has come in."
    )
    body_timeout: float = Field(
        default=15.0, gt=0, description="Seconds in which a request's body has come in."
    )
    max_document_length: int = Field(
        default=100_000, ge=1000, description="Characters of a document, at most."
    )
    document_cache: int = Field(
        default=32_000_000,
        ge=0,
        description="Bytes of memory for documents that have been parsed and validated.",
    )
    max_tokens: int = Field(
        default=2000, ge=10, description="Lexical tokens of a document, at most."
    )
    max_depth: int = Field(default=12, ge=1, description="Levels of nested fields, at most.")
    max_fields: int = Field(
        default=1500, ge=1, description="Fields of an operation with its fragments spread, at most."
    )
    max_aliases: int = Field(default=30, ge=0, description="Aliases of an operation, at most.")
    max_root_fields: int = Field(default=20, ge=1, description="Root fields of a query, at most.")
    max_mutations: int = Field(default=5, ge=1, description="Root fields of a mutation, at most.")
    max_directives: int = Field(
        default=50, ge=0, description="Directives of an operation, at most."
    )
    max_list_items: int = Field(
        default=500, ge=1, description="Items of a list in an argument or a variable, at most."
    )
    # Four levels of lists with their default pages of 20 cost 168,421 and must pass: whoever
    # explores a requirement set asks for just that. A fifth level does not pass, nor do pages of
    # 100 in three levels. What passes still has the deadlines of an operation and its statements.
    max_cost: int = Field(
        default=200_000,
        ge=1,
        description="Cost of an operation, at most: 1 for a field that leads to rows, plus its page"
        " size times the cost of what is selected beneath it.",
    )

    # Live events
    live_init_timeout: float = Field(
        default=5.0,
        gt=0,
        description="Seconds in which a WebSocket has said who it is.",
    )
    live_connections: int = Field(
        default=20_000,
        ge=0,
        description="Live connections (WebSocket, event stream) of one process, at most.",
    )
    live_connections_per_address: int = Field(
        default=500, ge=1, description="Live connections from one address to a process, at most."
    )
    live_subscriptions: int = Field(
        default=50_000, ge=0, description="Subscriptions of one process, at most."
    )
    live_subscriptions_per_person: int = Field(
        default=200, ge=1, description="Subscriptions of one person at a process, at most."
    )
    live_subscriptions_per_connection: int = Field(
        default=20, ge=1, description="Subscriptions of one WebSocket, at most."
    )

    # Mail
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Mail server: `smtp://user:password@host:587`, encrypted by STARTTLS, or"
        " `smtps://user:password@host:465`. Without it mail is written to the log in development,"
        " and what needs mail is not offered in production.",
    )
    mail_from: str = Field(
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
    approvers: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = Field(
        default=(),
        description="E-mail addresses, separated by commas, of those who are told of people who"
        " wait for approval, and approve them at /account/approvals.",
    )
    session_days: int = Field(
        default=14, ge=1, description="Days until a browser signs in again, however busy it is."
    )
    session_idle_hours: int = Field(
        default=72,
        ge=1,
        description="Hours without a request after which a browser signs in again.",
    )
    sign_in_attempts: int = Field(
        default=10,
        ge=1,
        description="Failed sign-ins to an account from one network in SIGN_IN_WINDOW, after which"
        " each further one waits.",
    )
    sign_in_window: int = Field(
        default=900, ge=1, description="Seconds that a failed sign-in counts."
    )

    # Applications
    access_token_minutes: int = Field(
        default=60, ge=1, description="Minutes that an application's access token lives."
    )
    refresh_token_days: int = Field(
        default=30,
        ge=1,
        description="Days until an application asks its user again, however often it refreshes.",
    )
    client_requests: int = Field(
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

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("it begins with postgresql://")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        try:
            url = urlsplit(value.get_secret_value())
            fits = url.scheme in ("redis", "rediss") and url.hostname and url.port != 0
        except ValueError:
            fits = False
        if not fits:
            raise ValueError("it is redis:// or rediss://, perhaps user:password@, a host, a port")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        try:
            url = urlsplit(value.get_secret_value())
            fits = url.scheme in ("smtp", "smtps") and url.hostname and url.port != 0
        except ValueError:
            fits = False
        if not fits:
            raise ValueError("it is smtp:// or smtps://, perhaps user:password@, a host, a port")
        return value

    @field_validator("mail_from")
    @classmethod
    def _is_one_line(cls, value: str) -> str:
        if value and ("@" not in value or not value.isprintable()):
            raise ValueError("it is an e-mail address, perhaps with a name before it")
        return value

    @field_validator("approvers")
    @classmethod
    def _are_addresses(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        addresses = [normalize("NFC", value).lower() for value in values if value]
        if not all(re.fullmatch(r"[^@\s]+@[^@\s]+", address) for address in addresses):
            raise ValueError("they are e-mail addresses, separated by commas")
        return tuple(dict.fromkeys(addresses))

    @field_validator("gateway_secret")
    @classmethod
    def _is_long(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < SECRET_LENGTH:
            raise ValueError(f"it has at least {SECRET_LENGTH} characters")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        scheme, _, rest = value.rstrip("/").partition("://")
        if value and (scheme not in ("http", "https") or not rest or "/" in rest):
            raise ValueError("it is http:// or https://, a host and perhaps a port")
        return value.rstrip("/")

    @property
    def in_production(self) -> bool:
        """Whether other people depend on this process."""
        return self.gateway_env == "production"

    @property
    def signing_up(self) -> Literal["open", "approval", "closed"]:
        """Who may sign up."""
        return self.sign_up or ("closed" if self.in_production else "open")

    @property
    def registering_clients(self) -> Literal["open", "closed"]:
        """Whether applications may register themselves."""
        return self.client_registration or ("closed" if self.in_production else "open")

    @property
    def url(self) -> str:
        """The address of the gateway for people and clients, without a slash at its end."""
        name = "localhost" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        name = f"[{name}]" if ":" in name else name
        return self.public_url or f"http://{name}:{self.port}"


def with_secret(settings: Settings) -> Settings:
    """The settings with a secret: in development one that is made once and kept.

    Raises SettingsError in production, where several processes need the same one.
    """
    if settings.gateway_secret.get_secret_value():
        return settings
    if settings.in_production:
        raise SettingsError(
            f"Set GATEWAY_SECRET to at least {SECRET_LENGTH} random characters, the same for every"
            " process of this gateway, or set GATEWAY_ENV=development."
        )
    file = settings.gateway_data_dir / "secret"
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        fresh = file.with_name(f"secret.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(SECRET_LENGTH))
        fresh.replace(file)
    return settings.model_copy(update={"gateway_secret": SecretStr(file.read_text())})


def table() -> str:
    """Every setting as a Markdown table, for the README and `gateway settings`."""
    lines = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `{name.upper()}` | {_default(field)} | {field.description} |")
    return "\n".join(lines) + "\n"


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return "" if value in (None, "", ()) else f"`{value}`"
