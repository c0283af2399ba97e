"""The checks of `gateway doctor`: faults of an installation, each with its remedy."""

import asyncio
import os
import tempfile
from ipaddress import ip_address
from typing import NamedTuple

import asyncpg

from auth.reencryption import count
from db.audit.personal import altered
from db.logins import APPLICATION, AUTHENTICATION, OWNER, Login, Logins, find, refused_login
from db.problem import Problem
from db.retention import overdue
from db.row_security import lint, lint_login
from db.server import (
    UnreachableError,
    allowed_connections,
    connected,
    missing_partitions,
    missing_roles,
    pools_transactions,
    require_supported_server,
)
from graph.commands.database import running
from graph.commands.failure import sentence
from graph.explorer.bundle import Bundle
from graph.server_secret import with_secret
from graph.settings import Settings, SettingsError
from graph.settings.conflicts import unknown_variables

READ_ONLY = (
    "Set DATABASE_URL to the primary, or remove the cause (a full disk,"
    " default_transaction_read_only). Until then, the gateway can only read."
)
LISTENING = 2
"""Connections of a process that LISTEN: to the feed, and to other nodes."""
READS_ONLY = "SELECT current_setting('transaction_read_only')::boolean"
OWN_LOGIN = (
    "Row level security does not protect against a login that switches roles. Let a superuser run"
    " db/roles.sql, so that gateway_app has its own login."
)


MIN_SHARED = 3
"""The fewest people from one address that are reported; fewer may be one household."""
SIGN_INS = """
SELECT count(DISTINCT user_id),
    CASE WHEN count(DISTINCT ip_address) = 1 THEN min(host(ip_address)) END
FROM sessions
WHERE created_at > now() - interval '7 days' AND NOT ip_address <<= '127.0.0.0/8'
    AND ip_address <> '::1'
"""


LATE = """
SELECT kind, coalesce(lease_expires_at, run_at) AT TIME ZONE 'UTC' AS due FROM jobs
WHERE status IN ('queued', 'running') AND NOT starts_with(kind, 'external.')
    AND coalesce(lease_expires_at, run_at) < now() - interval '15 minutes'
ORDER BY 2 LIMIT 1
"""
"""The job of the gateway that has waited longest, if it has for long."""


class Finding(NamedTuple):
    """The result of one check; without advice nothing is wrong."""

    subject: str
    state: str
    advice: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Return the results of all checks; checks that depend on a failed one are left out."""
    findings = [*_settings(settings), _explorer(), _files(settings), *_redis(settings)]
    findings += _billing(settings)
    try:
        with running(settings) as at:
            return findings + asyncio.run(_database(at)) + _migrations(settings, at)
    except Exception as error:
        if (told := sentence(error)) is None:
            raise
        return [*findings, Finding("Database", told, "Start it, or correct DATABASE_URL.")]


def _settings(settings: Settings) -> list[Finding]:
    if strange := unknown_variables(os.environ, Settings.model_fields):
        named = ", ".join(
            f"{name} ({meant}?)" if meant else name for name, meant in strange.items()
        )
        advice = "Correct or remove it. `gateway settings` lists all settings."
        return [Finding("Settings", f"unknown: {named}", advice)]
    try:
        with_secret(settings)
    except SettingsError as error:
        return [Finding("Settings", "there is no secret", str(error))]
    if settings.in_production and not settings.url.startswith("https:"):
        advice = "Set PUBLIC_URL to an https URL: cookies and tokens are sent unencrypted."
        return [Finding("Settings", f"production at {settings.url}", advice)]
    return [Finding("Settings", f"{settings.gateway_env}, {settings.url}")]


def _files(settings: Settings) -> Finding:
    if settings.s3_bucket:
        return Finding("Files", f"in the bucket {settings.s3_bucket}")
    folder = settings.gateway_data_dir.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        advice = "Let the gateway write to GATEWAY_DATA_DIR, or set S3_BUCKET."
        return Finding("Files", f"{folder}: {error.strerror}", advice)
    return Finding("Files", f"in {folder}, which all servers must share")


def _billing(settings: Settings) -> list[Finding]:
    """Return whether events of Stripe arrive, where there is a key of it."""
    if settings.stripe_secret_key is None:
        return []
    if not settings.stripe_webhook_secrets:
        advice = "Add the endpoint /webhooks/stripe in Stripe, and set STRIPE_WEBHOOK_SECRETS."
        return [Finding("Billing", "Stripe without its events", advice)]
    return [Finding("Billing", "Stripe with its events")]


def _explorer() -> Finding:
    if Bundle.read() is None:
        return Finding("Explorer", "not built", "Run `make explorer`.")
    return Finding("Explorer", "built")


def _redis(settings: Settings) -> list[Finding]:
    if settings.redis_url is None:
        return []
    from graph.live.redis_bus import ping

    if fault := asyncio.run(ping(settings.redis_url.get_secret_value())):
        advice = "Start it, or correct REDIS_URL. Until then, each node shows only its own people."
        return [Finding("Redis", f"cannot be used ({fault})", advice)]
    return [Finding("Redis", "in order")]


async def _database(at: Logins) -> list[Finding]:
    await require_supported_server(at)
    if at.pooler == "session" and await pools_transactions(at):
        state = "a proxy pools by transaction"
        return [Finding("Pooler", state, "Set GATEWAY_POOLER=transaction.")]
    async with connected(at) as connection:
        version = connection.get_server_version()
        findings = [Finding("Server", f"PostgreSQL {version.major}.{version.micro}")]
        run = "Let a superuser run db/roles.sql."
        if missing := await missing_roles(connection, at):
            return [*findings, Finding("Roles", f"cannot switch to {', '.join(missing)}", run)]
    return [*findings, Finding("Roles", "in order")]


async def _login(settings: Settings, at: Logins) -> list[Finding]:
    """Return findings on the database login: whether row level security holds for all its SQL."""
    try:
        return await _logins(settings, (await find(at)).logins)
    except Problem as problem:
        return [
            Finding(
                "Login",
                problem.message,
                "Check DATABASE_URL, AUTH_DATABASE_URL and DATABASE_LOGINS.",
            )
        ]


async def _logins(settings: Settings, logins: dict[str, Login]) -> list[Finding]:
    findings = []
    for role, login in logins.items():
        with refused_login(login):
            connection = await asyncpg.connect(**login.options, statement_cache_size=0)
        try:
            if role == APPLICATION:
                lines = await lint_login(connection)
                findings += [Finding("Login", line, OWN_LOGIN) for line in lines]
                if await connection.fetchval(READS_ONLY):
                    findings.append(Finding("Server", "takes no writes", READ_ONLY))
            allowed = await allowed_connections(connection)
        finally:
            connection.terminate()
        findings += _connections(settings, role, allowed, shared=len({*logins.values()}) == 1)
    return findings or [
        Finding("Login", f"requests are served by {logins[APPLICATION].user or APPLICATION}"),
        Finding("Connections", "in order"),
    ]


def _connections(settings: Settings, role: str, allowed: int, *, shared: bool) -> list[Finding]:
    wanted = {
        APPLICATION: settings.app_connections + settings.orm_connections,
        AUTHENTICATION: settings.auth_connections + settings.oauth_connections + LISTENING,
    }
    number = sum(wanted.values()) if shared else wanted[role]
    if number <= allowed:
        return []
    state = f"a process may open {number} as {role}, the database allows {allowed}"
    advice = (
        "Lower APP_CONNECTIONS, ORM_CONNECTIONS and others, or raise the limit of the database."
        " Each worker is a process."
    )
    return [Finding("Connections", state, advice)]


def _migrations(settings: Settings, at: Logins) -> list[Finding]:
    from migrations.run import current, head

    found, needed = current(at.dsn), head()
    if found != needed:
        state = f"at {found or 'no revision'}, this version needs {needed}"
        return [Finding("Tables", state, "Run `gateway migrate`.")]
    findings = [*asyncio.run(_login(settings, at)), *asyncio.run(_tables(at))]
    findings += asyncio.run(_proxy(at))
    findings.append(asyncio.run(_jobs(at)))
    findings.append(asyncio.run(_secrets(settings, at)))
    findings.append(asyncio.run(_personal(at)))
    findings.append(asyncio.run(_retention(at, settings)))
    return [Finding("Tables", f"at {found}"), *findings]


async def _proxy(at: Logins) -> list[Finding]:
    """Return a finding if everybody signed in this week from one private address: a proxy's."""
    async with connected(at, AUTHENTICATION) as connection:
        row = await connection.fetchrow(SIGN_INS)
    people, address = row or (0, None)
    if people < MIN_SHARED or address is None or not ip_address(address).is_private:
        return []
    state = f"all {people} people who signed in this week did from {address}"
    advice = (
        "If that is a proxy, add it to TRUSTED_PROXIES. Otherwise, limits count everybody behind it"
        " as one network."
    )
    return [Finding("Proxy", state, advice)]


async def _jobs(at: Logins) -> Finding:
    """Return a finding on jobs that have been due for long: no worker runs, or too few."""
    async with connected(at, AUTHENTICATION) as connection:
        late = await connection.fetchrow(LATE)
    if late is None:
        return Finding("Jobs", "in order")
    state = f"{late['kind']} has been due since {late['due']:%Y-%m-%d %H:%M} UTC"
    return Finding("Jobs", state, "Run `gateway worker`, or set JOB_SLOTS of the server above 0.")


async def _secrets(settings: Settings, at: Logins) -> Finding:
    """Return a finding on stored secrets that an earlier key, or none that is known, encrypted."""
    try:
        settings = with_secret(settings)
    except SettingsError:
        return Finding("Encryption", "not checked, as there is no secret")
    try:
        async with connected(at, OWNER) as connection:
            found = await count(connection, settings)
    except UnreachableError:
        return Finding("Encryption", "not checked, as the login does not own the tables")
    if found.lost:
        state = f"{found.lost} stored secrets cannot be decrypted"
        return Finding("Encryption", state, "Add their key to GATEWAY_FORMER_SECRETS.")
    if found.former:
        state = f"{found.former} stored secrets are encrypted with a former key"
        return Finding("Encryption", state, "Run `gateway secret rotate`.")
    return Finding("Encryption", "in order")


async def _personal(at: Logins) -> Finding:
    """Return a finding on personal values of events that are not those of their digests."""
    try:
        async with connected(at, OWNER) as connection:
            found = await altered(connection)
    except UnreachableError:
        return Finding("Personal data", "not checked, as the login does not own the tables")
    if found:
        advice = "Run `gateway audit verify`, and compare with a backup who has changed them."
        return Finding("Personal data", next(iter(found.values())), advice)
    return Finding("Personal data", "in order")


async def _retention(at: Logins, settings: Settings) -> Finding:
    """Return a finding on rows that are kept for longer than docs/recovery.md says."""
    try:
        async with connected(at, OWNER) as connection:
            found = await overdue(connection, settings)
    except UnreachableError:
        return Finding("Retention", "not checked, as the login does not own the tables")
    if found:
        one = found[0]
        state = f"{one.table} has rows of more than {one.longest.days} days"
        if "expire" in one.column:
            state += " after they expired"
        advice = f"Run `gateway worker`, and look in its log for {one.job}, which deletes them."
        return Finding("Retention", state, advice)
    return Finding("Retention", "in order")


async def _tables(at: Logins) -> list[Finding]:
    async with connected(at, APPLICATION) as connection:
        holes = await lint(connection)
        months = await missing_partitions(connection, "audit_logs")
    advice = "Revert the changes of the tables that were made outside of the migrations."
    findings = [Finding("Row level security", hole, advice) for hole in holes]
    findings = findings or [Finding("Row level security", "in order")]
    if months:
        state = f"no partition for {', '.join(months)}"
        return [*findings, Finding("Audit log", state, "Start the gateway: it creates them.")]
    return [*findings, Finding("Audit log", "in order")]
