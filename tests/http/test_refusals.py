"""Refused attempts are recorded, and a flood of them does not fill the audit log."""

import json
from uuid import uuid4

import pytest

from auth import refusals
from tests.core.keys import WRITE, make_token

RENAME = """mutation ($id: UUID!) {
    harmless: organizationUpdate(id: $id, expectedVersion: 1, input: {name: "Mine"}) {
        organization { name } } }"""
READ = """query ($id: UUID!) { organization(id: $id) { members(first: 20) { nodes { id } } } }"""
EVENTS = """SELECT * FROM audit_logs
    WHERE event_type = ANY($2::audit_event_type[]) AND actor_id = $1 ORDER BY created_at"""


@pytest.fixture
def traces(world):
    """Return a function that returns the events of a person's refusals and large reads."""

    async def traces(person, *types):
        kinds = types or ("access_denied",)
        rows = await world.superuser.fetch(EVENTS, world.people[person], list(kinds))
        return [(row, json.loads(row["details"])) for row in rows]

    return traces


async def later(world, monkeypatch):
    monkeypatch.setattr(refusals, "MINUTE", 0.0)
    await world.superuser.execute(
        "UPDATE sign_in_attempts SET counted_at = counted_at - interval '61 seconds'"
    )


async def test_what_is_forbidden_is_recorded_by_the_name_of_the_field(world, traces):
    assert await world.code("viewer", RENAME, id=world.organization) == "FORBIDDEN"
    [(event, details)] = await traces("viewer")
    assert details == {"code": "FORBIDDEN", "field": "organizationUpdate", "more": 0}
    assert (event["action"], event["severity"]) == ("refuse", "medium")
    assert event["organization_id"] is None
    assert event["session_id"]
    assert event["request_id"]


async def test_a_row_that_a_write_does_not_find_is_recorded_and_one_that_a_read_does_not_is_not(
    world, other_world, traces
):
    assert await world.code("editor", WRITE, id=other_world.requirement) == "NOT_FOUND"
    [(_, details)] = await traces("editor")
    assert details["code"] == "NOT_FOUND"
    read = "query ($id: UUID!) { requirement(id: $id) { id } }"
    assert await world.code("member", read, id=uuid4()) == "NOT_FOUND"
    assert await traces("member") == []


async def test_a_scope_that_a_token_lacks_is_recorded(world, traces):
    await make_token(world, "editor", "requirements:read")
    assert await world.code("editor's script", WRITE, id=world.requirement) == "FORBIDDEN"
    [(_, details)] = await traces("editor")
    assert details["scope"] == "requirements:write"
    assert details["field"] == "requirementUpdate"


async def test_a_flood_of_refusals_is_one_event_a_minute_that_counts_them(
    world, traces, monkeypatch
):
    counts = "SELECT sum(level) FROM sign_in_attempts"
    await world.code("viewer", RENAME, id=world.organization)
    before = await world.superuser.fetchval(counts)
    for _ in range(4):
        await world.code("viewer", RENAME, id=world.organization)
    assert len(await traces("viewer")) == 1
    assert await world.superuser.fetchval(counts) == before, "further ones are counted in memory"
    await later(world, monkeypatch)
    await world.code("viewer", RENAME, id=world.organization)
    assert [details["more"] for _, details in await traces("viewer")] == [0, 4]
    await world.code("editor", RENAME, id=world.organization)
    assert len(await traces("editor")) == 1


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        ("revoked_at = now()", "revoked"),
        ("created_at = created_at - interval '1 day', expires_at = created_at", "expired"),
    ],
)
async def test_an_access_token_that_is_over_is_recorded_once_a_minute(world, ends, reason):
    await world.token("viewer")
    change = f"UPDATE oauth_access_tokens SET {ends} WHERE user_id = $1 RETURNING id"
    id = await world.superuser.fetchval(change, world.people["viewer"])
    for _ in range(3):
        answer = await world.post("viewer", "{ viewer { profile { id } } }")
        assert answer.status_code == 401
    [event] = [event for event in await world.records(id) if event["action"] == "refuse"]
    assert (event["event_type"], event["user_id"]) == ("access_denied", world.people["viewer"])
    assert json.loads(event["details"]) == {"reason": reason, "more": 0}


async def test_a_large_read_is_recorded_with_its_rows(world, traces, monkeypatch):
    await world.ask("owner", READ, id=world.organization)
    assert await traces("owner", "export") == []
    monkeypatch.setattr(refusals, "LARGE_READ", 5)
    await world.ask("owner", READ, id=world.organization)
    [(event, details)] = await traces("owner", "export")
    assert (event["action"], event["soc2_control"]) == ("read", "CC6.7")
    assert details["rows"] >= len(world.members)
