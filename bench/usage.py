"""Usage of a million rows of one organization, by feature, day and person, over HTTP.

Milliseconds of the median call, of the quickest one, and of processor time a call. The rows are of
people who use five features every day.
"""

import itertools
import statistics
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psutil
from uuid_utils.compat import uuid7

from bench.peers.servers import PostgreSQL
from bench.stand import Call, Stand

ROWS, CHUNK = 1_000_000, 50_000
CALLS = 51
SPREADS = ((1_000, 366), (1_000, 30), (100, 366), (100, 30))
"""People and days among which the rows of an organization are spread."""
GROUPINGS, ASKED = ("FEATURE", "DAY", "PERSON"), (30, 366)
"""Groupings of the questions, and the days up to today that they cover."""

FILL_PEOPLE = """
INSERT INTO profiles (id, email, full_name, is_approved)
SELECT gen_random_uuid(), $1 || '-' || i || '@bench.example', 'Person ' || i, true
FROM generate_series(1, $2) AS i RETURNING id
"""
BEFORE = """
DO $$ BEGIN EXECUTE format(
    'CREATE TABLE IF NOT EXISTS usage_logs_before PARTITION OF usage_logs'
    ' FOR VALUES FROM (%L) TO (%L)',
    '2000-01-01', date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month' || '+00');
END $$
"""
"""A partition for the months before those that the gateway has created."""
FOUND = """
INSERT INTO organizations (id, name, slug, billing_plan) VALUES ($1, 'Usage', $2, 'enterprise')
"""
JOIN = """
INSERT INTO organization_members (organization_id, user_id, role)
SELECT $1, user_id, 'owner' FROM organization_members WHERE organization_id = $2
"""
FILL = """
INSERT INTO usage_logs (organization_id, user_id, feature, quantity, unit_type, metadata,
    created_at)
SELECT $1, ($2::uuid[])[1 + i / 5 % $3::int],
    (ARRAY['query', 'mutation', 'export', 'webhook_delivery', 'requirement_enhancement'])
        [1 + i % 5],
    1 + i % 100, (ARRAY['cost', 'cost', 'job', 'delivery', 'credit'])[1 + i % 5],
    jsonb_build_object('count', 1 + i % 7),
    now() - make_interval(days => i / 5 / $3::int % $4::int)
FROM generate_series($5::int, $6::int) AS i
"""
ASK = """query ($id: UUID!, $by: UsageGrouping!, $since: Date!) { organization(id: $id) {
    billing { usage(by: $by, since: $since) { key unit quantity count } } } }"""


async def measure(stand: Stand) -> None:
    """Fill an organization for each spread, ask, and print the figures."""
    backend = await stand.superuser.fetchval("SELECT pg_backend_pid()")
    database = PostgreSQL(psutil.Process(backend).ppid())
    for statement in (BEFORE, "ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()"):
        await stand.superuser.execute(statement)  # what is measured is the questions
    for people, days in SPREADS:
        organization = await _fill(stand, people, days)
        sums = await stand.superuser.fetchval(
            "SELECT count(*) FROM usage_people WHERE span = 1 AND organization_id = $1",
            organization,
        )
        print(f"{ROWS:,} rows of {people:,} people on {days} days: {sums:,} sums of a day")
        for asked, by in itertools.product(ASKED, GROUPINGS):
            taken, ours, theirs = await _timed(
                stand, database, _ask(stand, organization, by, asked)
            )
            print(
                f"  by {by.lower():<8} of {asked:3} days: median {statistics.median(taken):5.1f},"
                f" quickest {min(taken):5.1f}, processor {ours:5.1f} of the server"
                f" and {theirs:5.1f} of PostgreSQL"
            )


async def _fill(stand: Stand, people: int, days: int) -> UUID:
    organization = uuid7()
    await stand.superuser.execute(FOUND, organization, organization.hex)
    await stand.superuser.execute(JOIN, organization, stand.organization)
    rows = await stand.superuser.fetch(FILL_PEOPLE, organization.hex, people)
    ids = [row["id"] for row in rows]
    for first in range(0, ROWS, CHUNK):
        place = (organization, ids, people, days, first, first + CHUNK - 1)
        await stand.superuser.execute(FILL, *place)
    for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
        await stand.superuser.execute(statement)
    return organization


def _ask(stand: Stand, organization: UUID, by: str, days: int) -> Call:
    since = (datetime.now(UTC).date() - timedelta(days=days - 1)).isoformat()
    return lambda: stand.ask(ASK, id=str(organization), by=by, since=since)


async def _timed(
    stand: Stand, database: PostgreSQL, call: Call
) -> tuple[list[float], float, float]:
    """Return the milliseconds of each call, and those of both processors a call."""
    taken = []
    await call()
    ours, theirs = stand.cpu(), database.cpu()
    for _ in range(CALLS):
        start = time.perf_counter()
        await call()
        taken.append((time.perf_counter() - start) * 1000)
    scale = 1000 / CALLS
    return taken, (stand.cpu() - ours) * scale, (database.cpu() - theirs) * scale
