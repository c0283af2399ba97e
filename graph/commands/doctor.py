"""What is wrong with an installation, and what to do about it."""

import asyncio
import os
from typing import NamedTuple

from db.embedded_programs import EmbeddedError
from db.pool import APPLICATION
from db.row_security import lint, lint_login
from db.server import (
    UnreachableError,
    connected,
    missing_partitions,
    missing_roles,
    require_supported_server,
)
from graph.commands.database import running
from graph.explorer.bundle import Bundle
from graph.settings import Settings, SettingsError, with_secret

OTHER_VARIABLES = {
    "GATEWAY_DATABASE_PASSWORD",
    "GATEWAY_NO_SKIP",
    "GATEWAY_SAMPLE_DATA",
    "GATEWAY_WRITE_GOLDEN",
}
"""Variables with our prefix that are no settings: for the roles' script and for the tests."""


class Finding(NamedTuple):
    """One thing that was looked at; without advice it is in order."""

    subject: str
    state: str
    advice: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Everything that can be looked at; what depends on a failed check is left out."""
    findings = [*_settings(settings), _explorer(), *_redis(settings)]
    try:
        with running(settings) as dsn:
            return findings + asyncio.run(_database(dsn)) + _migrations(dsn)
    except (UnreachableError, EmbeddedError) as error:
        return [*findings, Finding("Database", str(error), "Start it, or correct DATABASE_URL.")]


def _settings(settings: Settings) -> list[Finding]:
    known = {name.upper() for name in Settings.model_fields} | OTHER_VARIABLES
    ours = {name for name in os.environ if name.upper().startswith("GATEWAY_")}
    if strange := sorted(name for name in ours if name.upper() not in known):
        advice = "Correct or remove it; `gateway settings` lists those there are."
        return [Finding("Settings", f"unknown: {', '.join(strange)}", advice)]
    try:
        with_secret(settings)
    except SettingsError as error:
        return [Finding("Settings", "there is no secret", str(error))]
    return [Finding("Settings", f"{settings.gateway_env}, {settings.url}")]


def _explorer() -> Finding:
    if Bundle.read() is None:
        return Finding("Explorer", "not built", "Run `make explorer`.")
    return Finding("Explorer", "built")


def _redis(settings: Settings) -> list[Finding]:
    if settings.redis_url is None:
        return []
    from graph.live.redis_bus import ping

    if fault := asyncio.run(ping(settings.redis_url.get_secret_value())):
        advice = "Start it, or correct REDIS_URL. Meanwhile nodes do not see each other's people."
        return [Finding("Redis", f"cannot be used ({fault})", advice)]
    return [Finding("Redis", "in order")]


async def _database(dsn: str) -> list[Finding]:
    await require_supported_server(dsn)
    async with connected(dsn) as connection:
        version = connection.get_server_version()
        findings = [Finding("Server", f"PostgreSQL {version.major}.{version.micro}")]
        run = "Let a superuser run db/roles.sql."
        if missing := await missing_roles(connection):
            return [*findings, Finding("Roles", f"may not act as {', '.join(missing)}", run)]
        if lines := await lint_login(connection):
            return [
                *findings,
                Finding("Roles", " ".join(lines), "Let another login be the gateway's."),
            ]
    return [*findings, Finding("Roles", "in order")]


def _migrations(dsn: str) -> list[Finding]:
    from migrations.run import current, head

    found, needed = current(dsn), head()
    if found != needed:
        state = f"at {found or 'no revision'}, this version needs {needed}"
        return [Finding("Tables", state, "Run `gateway migrate`.")]
    return [Finding("Tables", f"at {found}"), *asyncio.run(_tables(dsn))]


async def _tables(dsn: str) -> list[Finding]:
    async with connected(dsn, APPLICATION) as connection:
        holes = await lint(connection)
        months = await missing_partitions(connection, "audit_logs")
    advice = "Undo what changed the tables beside the migrations."
    findings = [Finding("Row level security", hole, advice) for hole in holes]
    findings = findings or [Finding("Row level security", "in order")]
    if months:
        state = f"no partition for {', '.join(months)}"
        return [*findings, Finding("Audit log", state, "Start the gateway: it creates them.")]
    return [*findings, Finding("Audit log", "in order")]
