"""A month of 1,000,000 events of the audit log: read by each filter, sealed, verified, archived.

So are as many rows of usage archived.

Events are written by SQL as the gateway records them, dated to the previous month, and their seals
with them. Pages of 50 events are read over HTTP, newest first: the first one, and the one after
50,000 events; of each filter by a frequent value and by a rare one. Milliseconds, the median and
the slowest of calls.
"""

import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from hashlib import md5
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.commands import Commands
from bench.stand import Stand
from db.archives.months import ensure_partition, next_month, start_of, this_month
from db.audit.sealing import SEALING, seal_everything

EVENTS, CHUNK = 1_000_000, 20_000
CALLS = 21
DEEP = 50_000
LAST = (this_month() - timedelta(days=1)).replace(day=1)
"""The month of the events."""
USED = (LAST - timedelta(days=100)).replace(day=1)
"""The month of usage: those after it stay in the database."""
FILL = """
INSERT INTO audit_logs (id, organization_id, project_id, document_id, entity_id, entity_type,
    action, version, changed_fields, old_data, new_data, event_type, severity, actor_id, user_id,
    session_id, request_id, correlation_id, ip_address, user_agent, resource_type, details,
    soc2_control, compliance_category, risk_level, threat_indicators, source_system, created_at)
SELECT gen_random_uuid(), $1, pg_temp.id('project', i % 20), pg_temp.id('document', i % 400),
    pg_temp.id('entity', i % 100000), kind.entity, kind.action, 1 + i / 100000, '{name}',
    jsonb_build_object('name', 'Requirement ' || i),
    jsonb_build_object('name', 'Requirement ' || i || ', changed'),
    kind.event::audit_event_type, kind.severity::audit_severity,
    ($2::uuid[])[CASE WHEN i % 3 = 0 THEN 1 ELSE 1 + i % cardinality($2) END],
    CASE WHEN i % 5000 = 0 THEN ($2::uuid[])[1 + i / 5000 % cardinality($2)] END,
    pg_temp.id('session', i / 500)::text, pg_temp.id('request', i / 3)::text,
    pg_temp.id('request', i / 3),
    CASE WHEN i % 100000 = 9 THEN inet '2001:db8::9' ELSE inet '10.0.0.0' + i / 500 % 1000 END,
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', kind.resource::resource_type, '{}',
    kind.control, 'processing_integrity', kind.severity, '{}', 'api',
    $3::timestamptz + i * interval '2.5 seconds'
FROM generate_series($4::int, $5::int) AS i
CROSS JOIN LATERAL (
    SELECT * FROM (VALUES
        (i % 10000 = 7, 'Organization', 'export', 'export', 'organization', 'high', 'CC6.7'),
        (i % 100 = 3, 'Role', 'update', 'permission_change', 'role', 'medium', 'CC6.3'),
        (i % 100 = 4, 'TestCase', 'update', 'update', 'test', 'low', 'PI1.3'),
        (i % 10 = 5, 'Requirement', 'delete', 'delete', 'requirement', 'medium', 'C1.2'),
        (i % 10 = 6, 'Block', 'create', 'create', 'block', 'low', 'PI1.3'),
        (true, 'Requirement', 'update', 'update', 'requirement', 'low', 'PI1.3')
    ) AS k (holds, entity, action, event, resource, severity, control)
    WHERE holds LIMIT 1
) AS kind
"""
IDENTITY = """
CREATE FUNCTION pg_temp.id(kind text, i bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN md5(kind || i)::uuid
"""
PEOPLE = """
INSERT INTO profiles (email, full_name, is_approved)
SELECT 'person' || i || '@auditing.example', 'Person ' || i, true FROM generate_series(1, 300) AS i
RETURNING id
"""
USE = """
INSERT INTO usage_logs (organization_id, user_id, feature, quantity, unit_type, metadata,
    created_at)
SELECT $1, ($2::uuid[])[1 + i % cardinality($2)], 'query', 1 + i % 100, 'cost',
    jsonb_build_object('count', 1 + i % 7), $3::timestamptz + i * interval '2.5 seconds'
FROM generate_series($4::int, $5::int) AS i
"""
DATED = """
UPDATE audit_seals SET not_before = NULL WHERE organization_id = $1
"""
READ = """query ($id: UUID!, $filter: AuditEventFilterInput, $after: String) {
    organization(id: $id) { auditLogs(first: 50, filter: $filter, after: $after) {
        pageInfo { endCursor hasNextPage } nodes {
            id createdAt action eventType severity riskLevel soc2Control entityType entityId
            actor { fullName } changes { field old new } ipAddress } } } }"""
AFTER = """query ($id: UUID!, $filter: AuditEventFilterInput, $after: String) {
    organization(id: $id) { auditLogs(first: 100, filter: $filter, after: $after) {
        pageInfo { endCursor hasNextPage } nodes { id } } } }"""


def filters(people: Sequence[UUID]) -> dict[str, dict[str, Any]]:
    """Return the filters of pages by name; those of rare values find at most 10,000 events."""
    return {
        "none": {},
        "actor": {"actorId": {"eq": str(people[0])}},
        "actor, rare": {"actorId": {"eq": str(people[7])}},
        "person, rare": {"userId": {"eq": str(people[7])}},
        "entity, rare": {"entityId": {"eq": _id("entity", 77)}},
        "project": {"projectId": {"eq": _id("project", 7)}},
        "document": {"documentId": {"eq": _id("document", 77)}},
        "action": {"action": {"eq": "delete"}},
        "action, rare": {"action": {"eq": "export"}},
        "type": {"eventType": {"eq": "UPDATE"}},
        "type, rare": {"eventType": {"eq": "EXPORT"}},
        "types, rare": {"eventType": {"in": ["EXPORT", "RESTORE"]}},
        "type without events": {"eventType": {"eq": "IMPORT"}},
        "severity": {"severity": {"eq": "MEDIUM"}},
        "severity, rare": {"severity": {"in": ["HIGH", "CRITICAL"]}},
        "severity without events": {"severity": {"eq": "CRITICAL"}},
        "resource": {"resourceType": {"eq": "REQUIREMENT"}},
        "resource, rare": {"resourceType": {"eq": "ORGANIZATION"}},
        "resource without events": {"resourceType": {"eq": "BILLING"}},
        "control": {"soc2Control": {"eq": "C1.2"}},
        "control, rare": {"soc2Control": {"eq": "CC6.7"}},
        "correlation, rare": {"correlationId": {"eq": _id("request", 777)}},
        "address": {"ipAddress": {"eq": "10.0.0.77"}},
        "address, rare": {"ipAddress": {"eq": "2001:db8::9"}},
        "address without events": {"ipAddress": {"eq": "192.0.2.1"}},
        "an hour": {"createdAt": {"gte": _at(10), "lt": _at(10, 1)}},
        "two weeks": {"createdAt": {"lt": _at(14)}},
    }


def _id(kind: str, number: int) -> str:
    """Return the ID that the events have for a kind and a number."""
    return str(UUID(md5(f"{kind}{number}".encode(), usedforsecurity=False).hexdigest()))


def _at(days: int, hours: int = 0) -> str:
    return (start_of(LAST) + timedelta(days=days, hours=hours)).isoformat()


async def _read(stand: Stand, people: Sequence[UUID]) -> None:
    for name, filter in filters(people).items():
        variables = {"id": str(stand.organization), "filter": filter}
        first = await _timed(stand, variables)
        depth, after = 0, None
        while depth < DEEP:
            answer = await stand.ask(AFTER, **variables, after=after)
            page = answer.json()["data"]["organization"]["auditLogs"]
            depth += len(page["nodes"])
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        deep = await _timed(stand, variables | {"after": after}) if depth >= DEEP else ""
        print(f"  {name:<26}{first}{deep}", flush=True)


async def _timed(stand: Stand, variables: dict[str, Any]) -> str:
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        await stand.ask(READ, **variables)
        times.append((time.perf_counter() - began) * 1000)
    return f"{statistics.median(times):8.1f} {max(times):8.1f}"


async def measure(stand: Stand) -> None:
    """Fill a month, read it, seal it, verify it, archive and restore it; print the figures."""
    people = await _fill(stand)
    await _read(stand, people)
    commands = Commands(stand)
    with tempfile.TemporaryDirectory() as folder:
        _cost(commands, "verification", "audit", "verify")
        for group, month in (("audit", LAST), ("usage", USED)):
            until = next_month(month).strftime("%Y-%m")
            _cost(commands, f"{group} archive", group, "archive", "--before", until, "--to", folder)
            file = Path(folder) / f"{group}-{month:%Y-%m}.zip"
            print(f"  {file.name}: {file.stat().st_size / 1e6:,.0f} MB")
            _cost(commands, f"{group} restore", group, "restore", str(file))
            _cost(commands, f"{group} restore --undo", group, "restore", str(file), "--undo")


def _cost(commands: Commands, name: str, *arguments: str) -> None:
    cost = commands.run(*arguments)
    _line(name, cost.seconds, f", at most {cost.memory:.0f} MB")


def _line(name: str, seconds: float, further: str = "") -> None:
    minutes, rate = seconds / 60, EVENTS / seconds
    print(f"  {name:<24}{minutes:6.1f} min, {rate:8,.0f} rows/s{further}")


async def _fill(stand: Stand) -> list[UUID]:
    """Write the events and seal them; return the people who act in them."""
    superuser = stand.superuser
    people = [row["id"] for row in await superuser.fetch(PEOPLE)]
    await superuser.execute(IDENTITY)
    async with superuser.transaction():
        await superuser.execute("SET LOCAL ROLE gateway_owner")
        await ensure_partition(superuser, "audit_logs", LAST)
        await ensure_partition(superuser, "usage_logs", USED)
    await superuser.execute(f"SELECT pg_advisory_lock({SEALING})")  # the server does not seal
    began = time.monotonic()
    await superuser.execute("SET session_replication_role = replica")  # old events are no news
    for first in range(0, EVENTS, CHUNK):
        rows = (first, first + CHUNK - 1)
        await superuser.execute(FILL, stand.organization, people, start_of(LAST), *rows)
    _line("written by SQL", time.monotonic() - began)
    for first in range(0, EVENTS, CHUNK):
        rows = (first, first + CHUNK - 1)
        await superuser.execute(USE, stand.organization, people, start_of(USED), *rows)
    await superuser.execute("SET session_replication_role = DEFAULT")
    began = time.monotonic()
    await seal_everything(superuser)
    _line("sealed", time.monotonic() - began)
    await superuser.execute(f"SELECT pg_advisory_unlock({SEALING})")
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(DATED, stand.organization)
    await superuser.execute("VACUUM ANALYZE")
    return people
