"""The settings of the server: its address, proxies, log and shutdown."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from graph.settings.types import (
    SECRET_LENGTH,
    FormerSecrets,
    Host,
    Hosts,
    Networks,
    Origin,
    Origins,
    RedisAddress,
    Seconds,
    Secret,
    Token,
    WholeSeconds,
)


class ServerSettings(BaseSettings):
    """The settings of the server: its address, proxies, log and shutdown."""

    gateway_env: Literal["development", "production"] = Field(
        default="development", description="`production` requires GATEWAY_SECRET and logs JSON."
    )
    host: Host = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(
        default=8000, ge=0, le=65535, description="The port to listen on. 0 picks a free port."
    )
    public_url: Origin = Field(
        default="",
        description="The public base URL of the gateway, without a path, from which links are"
        " built. Defaults to the address that it listens on.",
    )
    allowed_hosts: Hosts = Field(
        default=(),
        description="The accepted values of the Host header, separated by commas. Defaults to the"
        " host of PUBLIC_URL and the names of this machine.",
    )
    cors_origins: Origins = Field(
        default=(),
        description="The origins whose pages may call the API, such as `https://app.example.com`,"
        " separated by commas. Defaults to the gateway's own origin only.",
    )
    trusted_proxies: Networks = Field(
        default="127.0.0.1",
        description="The addresses and networks of trusted reverse proxies, separated by commas."
        " Their X-Forwarded-For and X-Forwarded-Proto headers are used.",
    )
    metrics_token: Token = Field(
        default=None,
        description="The bearer token required by /metrics. Without a token, /metrics is served in"
        " development only.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The minimum level of the log."
    )
    drain_timeout: WholeSeconds = Field(
        default=5,
        ge=0,
        description="The time in seconds that running requests have to finish when the server shuts"
        " down.",
    )
    drain_delay: Seconds = Field(
        default=0.5,
        ge=0,
        description="The time in seconds after SIGTERM during which requests are still accepted"
        " while /readyz reports that the server is not ready, so that load balancers stop"
        " sending traffic.",
    )
    job_slots: int = Field(
        default=2,
        ge=0,
        le=100,
        description="The maximum number of background jobs that a server process runs at a time. 0"
        " leaves all jobs to `gateway worker`.",
    )
    gateway_data_dir: Path = Field(
        default=Path(".data"),
        description="The directory of the embedded PostgreSQL and of the secret that is generated"
        " in development.",
    )
    gateway_secret: Secret = Field(
        default=SecretStr(""),
        description=f"At least {SECRET_LENGTH} random characters that sign cookies, cursors and"
        " forms. Generated in development. Changing it signs everybody out.",
    )
    gateway_former_secrets: FormerSecrets = Field(
        default=(),
        description="Former values of GATEWAY_SECRET, separated by commas, with which stored"
        " secrets can still be decrypted until `gateway secret rotate` has renewed them.",
    )
    redis_url: RedisAddress = Field(
        default=None,
        description="The URL of a Redis server: `redis://user:password@host:port`, or `rediss://`"
        " for TLS. Processes use it to share presence and to notify each other of changes."
        " Without it, they use PostgreSQL.",
    )
