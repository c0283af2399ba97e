"""Retention: the tables whose rows are deleted after some time, and the jobs that delete them.

Of tables with several periods it is the longest. docs/recovery.md has all of them.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

import asyncpg

from db.pool import NOBODY, Database

GRACE = timedelta(days=2)
"""The time after which rows that should have been deleted are reported."""
BATCH = 500
"""Rows that one statement deletes."""
PRUNE = """
DELETE FROM public.{table} WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM public.{table} WHERE {column} < now() - $1::interval
    ORDER BY {column} LIMIT $2))
"""


class Retention(NamedTuple):
    """A table, the column with the time of a row, the longest time after it, and the job.

    `setting` is the name of the setting that has the days in place of `longest`.
    """

    table: str
    column: str
    longest: timedelta
    job: str
    setting: str = ""


def _days(number: int) -> timedelta:
    return timedelta(days=number)


RETENTIONS = (
    Retention("jobs", "finished_at", _days(30), "upkeep.jobs"),
    Retention("credit_reservations", "created_at", _days(1), "credits.release"),
    Retention("idempotency_keys", "created_at", _days(1), "upkeep.idempotency_keys"),
    Retention("notifications", "created_at", _days(365), "upkeep.notifications"),
    Retention("feed_entries", "event_at", _days(1), "upkeep.feed"),
    Retention("feed_positions", "sequenced_at", _days(7), "upkeep.feed"),
    Retention("files", "expires_at", _days(1), "upkeep.files"),
    Retention("compliance_documents", "expires_at", _days(1), "compliance.expire_uploads"),
    Retention("file_removals", "created_at", _days(1), "upkeep.files"),
    Retention(
        "webhook_deliveries", "created_at", _days(30), "upkeep.webhooks", "webhook_retention_days"
    ),
    Retention("webhook_events", "created_at", _days(90), "upkeep.webhook_events"),
    Retention("share_views", "created_at", _days(90), "upkeep.share_views"),
    Retention("audit_alert_queue", "created_at", _days(1), "audit.find_alerts"),
    Retention("audit_verifications", "created_at", _days(400), "audit.verify"),
    Retention("sessions", "expires_at", _days(30), "upkeep.sign_ins"),
    Retention("devices", "last_seen_at", _days(400), "upkeep.sign_ins"),
    Retention("sign_in_attempts", "counted_at", _days(2), "upkeep.sign_ins"),
    Retention("mailed_links", "expires_at", _days(1), "upkeep.sign_ins"),
    Retention("used_challenges", "expires_at", timedelta(minutes=1), "upkeep.sign_ins"),
    Retention("oauth_pushed_requests", "expires_at", _days(7), "upkeep.oauth"),
    Retention("oauth_authorization_codes", "expires_at", _days(7), "upkeep.oauth"),
    Retention("oauth_device_codes", "expires_at", _days(7), "upkeep.oauth"),
    Retention("oauth_refresh_tokens", "expires_at", _days(7), "upkeep.oauth"),
    Retention("oauth_access_tokens", "expires_at", _days(7), "upkeep.oauth"),
    Retention("oauth_proofs", "expires_at", _days(0), "upkeep.oauth"),
    Retention("api_keys", "expires_at", _days(90), "upkeep.oauth"),
    Retention("personal_tokens", "expires_at", _days(90), "upkeep.oauth"),
    Retention("oauth_signing_keys", "expires_at", _days(0), "upkeep.signing_keys"),
)

LASTING: Mapping[str, tuple[str, ...]] = {
    "it is deleted with the object to which it belongs": (
        *("assessment_frameworks", "baseline_items", "build_outputs", "compliance_pages"),
        *("exchange_files", "feed_documents", "number_counters", "stars", "test_results", "visits"),
        "webhook_cursors",
    ),
    "it is deleted with the account": (
        *("oauth_consents", "passkeys", "profile_credentials", "profile_identities"),
        *("recovery_codes", "second_factors"),
    ),
    "it is evidence, which is kept for ever or archived by command": (
        *("audit_archives", "audit_checkpoints", "audit_logs", "audit_personal_data"),
        *("audit_seals", "legal_holds", "usage_archives", "usage_logs"),
    ),
    "it is the sum or the report of what is billed, a few rows a day": (
        *("credit_counters", "meter_reports", "usage_counters", "usage_features"),
        *("usage_people", "usage_warnings"),
    ),
    "it has a row": ("audit_seal_cursor", "feed_cursor"),
    "it has a row for each process, which deletes it": ("webhook_workers",),
    "it has an application each, and unused ones are deleted by `upkeep.oauth`": ("oauth_clients",),
}
"""The tables without a retention that are not entities, by the reason.

Entities are deleted by their users, and leave the trash with `Organization.trashRetentionDays`.
"""


UNLOGGED_ON_STANDBY = """
SELECT relname::text AS name FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relpersistence = 'u' AND pg_is_in_recovery()
"""


async def prune(database: Database, job: str, batch: int = BATCH) -> int:
    """Delete the rows past the retentions of a job that goes by them alone; return their number.

    Tables come in the order of RETENTIONS. Each batch is a transaction of its own.
    """
    deleted = 0
    for one in RETENTIONS:
        if one.job != job:
            continue
        statement = PRUNE.format(table=one.table, column=one.column)
        rows = batch
        while rows == batch:
            async with database.auth.lend(NOBODY) as lent:
                status = await lent.execute(statement, one.longest, batch)
            rows = int(status.rpartition(" ")[2])
            deleted += rows
    return deleted


async def overdue(connection: asyncpg.Connection, settings: object) -> list[Retention]:
    """Return the retentions that are not enforced: rows are older, by more than GRACE.

    The connection belongs to the owner of the tables. Unlogged tables have no rows on a standby.
    """
    found = []
    empty = {row["name"] for row in await connection.fetch(UNLOGGED_ON_STANDBY)}
    for each in RETENTIONS:
        if each.table in empty:
            continue
        one = each
        if each.setting:
            one = each._replace(longest=_days(getattr(settings, each.setting)))
        older = f"{one.column} < now() - $1::interval"
        sql = f"SELECT EXISTS (SELECT FROM public.{one.table} WHERE {older})"  # noqa: S608 (ours)
        if await connection.fetchval(sql, one.longest + GRACE):
            found.append(one)
    return found
