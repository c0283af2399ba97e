"""The line of an event: all columns, hashed and exported in the same text in every session."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.audit.chain import following, genesis
from db.change import AuditLog

LINE = "SELECT ctx.sealed_line(e) FROM audit_logs AS e WHERE id = $1"
KNOWN = "00000000-0000-7000-8000-00000000000{}"
EVENT = f"""
INSERT INTO audit_logs (id, created_at, organization_id, entity_id, entity_type, action, version,
    changed_fields, old_data, new_data, event_type, actor_id, ip_address, description)
VALUES ('{KNOWN.format(1)}', date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', $1,
    '{KNOWN.format(2)}', 'Requirement', 'update', 2, '{{name,status}}',
    '{{"name": "Bre\\u006dse"}}', '{{"b": 1.50, "name": "Stops \\"at\\nonce\\" ☂", "a": null}}',
    'update', '{KNOWN.format(3)}', '2001:db8::7', E'line\\nbreak')
"""
WRITTEN = (
    '{{"id" : "00000000-0000-7000-8000-000000000001", "created_at" : "{month}T00:00:00.000000Z",'
    ' "organization_id" : "{organization}", "project_id" : null, "document_id" : null,'
    ' "entity_id" : "00000000-0000-7000-8000-000000000002", "entity_type" : "Requirement",'
    ' "action" : "update", "version" : 2, "changed_fields" : ["name","status"],'
    ' "old_data" : {{"name": "Bremse"}},'
    ' "new_data" : {{"a": null, "b": 1.50, "name": "Stops \\"at\\nonce\\" ☂"}},'
    ' "event_type" : "update", "severity" : "low",'
    ' "actor_id" : "00000000-0000-7000-8000-000000000003", "user_id" : null,'
    ' "session_id" : null, "client_id" : null, "request_id" : null, "correlation_id" : null,'
    ' "ip_address" : "2001:db8::7", "user_agent" : null, "resource_type" : null,'
    ' "resource_id" : null, "description" : "line\\nbreak", "details" : {{}}, "metadata" : {{}},'
    ' "soc2_control" : null, "compliance_category" : null, "risk_level" : null,'
    ' "threat_indicators" : [], "source_system" : null, "xid" : "{xid}"}}'
)
OTHER = {
    "uuid": "gen_random_uuid()",
    "text": "'another'",
    "timestamptz": "created_at + interval '1 microsecond'",
    "bigint": "4711",
    "text[]": "'{another,one}'",
    "jsonb": """'{"another": 1}'""",
    "inet": "'198.51.100.1/25'",
    "audit_event_type": "'system'",
    "audit_severity": "'critical'",
    "resource_type": "'token'",
    "xid8": "'4711'",
}
SETTINGS = (
    "timezone = 'Asia/Kathmandu'",
    "datestyle = 'German'",
    "intervalstyle = 'iso_8601'",
    "bytea_output = 'escape'",
    "extra_float_digits = -15",
    "search_path = ''",
    "lc_time = 'C'",
)


async def test_a_known_event_has_a_known_line_and_hash(ledger, organization):
    """On every version of PostgreSQL: a chain outlives the server that began it."""
    await ledger.superuser.execute(EVENT, organization)
    await ledger.seal()
    month = await ledger.superuser.fetchval(
        "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-01')"
    )
    xid = await ledger.superuser.fetchval(
        "SELECT xid::text FROM audit_logs WHERE id = $1", KNOWN.format(1)
    )
    places = {"organization": organization, "month": month, "xid": xid}
    expected = WRITTEN.format(**places).replace("\n", "\\n")
    assert await ledger.superuser.fetchval(LINE, KNOWN.format(1)) == expected
    (seal,) = await ledger.seals(organization)
    assert seal["hash"] == following(genesis(organization), 1, expected.encode())


async def test_a_line_says_the_same_in_every_session(ledger, organization, events):
    line = await ledger.superuser.fetchval(LINE, events[0])
    async with ledger.superuser.transaction():
        for setting in SETTINGS:
            await ledger.superuser.execute(f"SET LOCAL {setting}")
        public = LINE.replace("audit_logs", "public.audit_logs")
        assert await ledger.superuser.fetchval(public, events[0]) == line


async def test_every_column_is_in_the_line(ledger, organization, events):
    lines = {await ledger.superuser.fetchval(LINE, events[0])}
    columns = [*AuditLog.__table__.columns]
    types = await ledger.superuser.fetch(
        "SELECT attname, atttypid::regtype::text AS type FROM pg_attribute"
        " WHERE attrelid = 'audit_logs'::regclass AND attnum > 0"
    )
    names = {row["attname"]: row["type"] for row in types}
    for column in columns:
        type = names[column.name].replace("timestamp with time zone", "timestamptz")
        transaction = ledger.superuser.transaction()
        await transaction.start()
        await ledger.tamper(
            f"UPDATE audit_logs SET {column.name} = {OTHER[type]} WHERE id = '{events[0]}'"
        )
        find = LINE.replace("id = $1", "organization_id = $1 ORDER BY created_at LIMIT 1")
        changed = (LINE, events[0]) if column.name != "id" else (find, organization)
        lines.add(await ledger.superuser.fetchval(*changed))
        await transaction.rollback()
    assert len(lines) == len(columns) + 1


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
DATA = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(width=16, allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.slow
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(DATA, min_size=1, max_size=20))
async def test_whatever_is_recorded_is_one_line_that_python_hashes_alike(ledger, data):
    organization = await ledger.organization()
    events = await ledger.write(organization, *data)
    await ledger.seal()
    hash = genesis(organization)
    for event, value, seal in zip(events, data, await ledger.seals(organization), strict=True):
        line = await ledger.superuser.fetchval(LINE, event)
        assert "\n" not in line
        assert json.loads(line)["new_data"] == {"value": value}
        hash = following(hash, seal["seq"], line.encode())
        assert (seal["event_id"], seal["hash"]) == (event, hash)
