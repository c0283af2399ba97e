"""API keys: shown once, narrowed by scopes, and good while their service account is."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from auth.credentials.tokens import check_sum
from tests.core.keys import CREATE, PROJECT, REQUIREMENT, WRITE, make_key, shown
from tests.mails import captured
from tests.world import Refused

REVOKE = "mutation ($id: UUID!) { apiKeyRevoke(id: $id) { apiKey { version revokedAt } } }"
LIST = """query ($id: UUID!) { organization(id: $id) { apiKeys { totalCount
    nodes { id name hint scopes lastUsedAt revokedAt serviceAccount { fullName } } } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: ApiKeyUpdateInput!) {
    apiKeyUpdate(id: $id, expectedVersion: $version, input: $input) {
        apiKey { version name scopes expiresAt } } }"""
DELETE = """mutation ($id: UUID!) { serviceAccountDelete(id: $id, expectedVersion: 1) {
    serviceAccount { id } } }"""
MEMBER = """mutation ($id: UUID!, $input: OrganizationMemberUpdateInput!) {
    organizationMemberUpdate(id: $id, expectedVersion: 1, input: $input) {
        member: organizationMember { id } } }"""
REMOVE = """mutation ($id: UUID!) {
    organizationMemberRemove(id: $id, expectedVersion: 1) { member: organizationMember { id } } }"""
GONE = "mutation ($id: UUID!) { organizationDelete(id: $id, expectedVersion: 1) { __typename } }"
LEAKED = r"rq[kp]_live_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}"
"""The pattern for leaked keys, as documented in docs/keys.md."""


async def test_a_key_is_shown_once_and_kept_as_a_digest(world, superuser):
    key = await make_key(world, "requirements:read")
    assert re.fullmatch(LEAKED, key.text)
    assert key.text.startswith("rqk_live_")
    assert check_sum(key.text[:-6]) == key.text[-6:]
    assert key.row["hint"] == key.text[-4:]
    row = await superuser.fetchrow("SELECT * FROM api_keys WHERE id = $1", UUID(key.id))
    assert key.text[9:52] not in str(dict(row))
    assert len(row["key_hash"]) == 32
    life = datetime.fromisoformat(key.row["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=89) < life <= timedelta(days=90)
    listed = (await world.ask("owner", LIST, id=world.organization))["apiKeys"]
    assert listed["totalCount"] == 1
    assert listed["nodes"][0]["serviceAccount"] == {"fullName": "Nightly import"}


async def test_a_key_acts_as_its_service_account(world):
    key = await make_key(world, "requirements:write")
    assert (await world.ask("robot", WRITE, id=world.requirement))["requirement"]
    (event,) = await world.records(world.requirement)
    assert event["actor_id"] == key.account
    assert event["session_id"] == key.id
    seen = (await shown(world, key.text)).json()["data"]["viewer"]
    assert seen["scopes"] == ["requirements:write"]
    listed = (await world.ask("owner", LIST, id=world.organization))["apiKeys"]["nodes"]
    used = datetime.fromisoformat(listed[0]["lastUsedAt"])
    assert datetime.now(UTC) - used < timedelta(minutes=1)


async def test_the_last_use_is_written_once_a_minute_and_is_no_change(world, superuser):
    key = await make_key(world)
    used = "SELECT xmin::text, last_used_at, version, updated_at FROM api_keys WHERE id = $1"
    await shown(world, key.text)
    first = await superuser.fetchrow(used, UUID(key.id))
    await shown(world, key.text)
    assert await superuser.fetchrow(used, UUID(key.id)) == first
    assert first["version"] == 1
    await superuser.execute(
        "UPDATE api_keys SET last_used_at = now() - interval '61 seconds' WHERE id = $1",
        UUID(key.id),
    )
    await shown(world, key.text)
    assert (await superuser.fetchrow(used, UUID(key.id)))["last_used_at"] > first["last_used_at"]
    assert len(await world.records(key.id)) == 1


async def test_scopes_narrow_what_a_key_reaches(world):
    await make_key(world, "requirements:read", person="reader")
    assert await world.code("reader", REQUIREMENT, id=world.requirement) is None
    assert await world.code("reader", WRITE, id=world.requirement) == "FORBIDDEN"
    assert await world.code("reader", PROJECT, id=world.project) == "FORBIDDEN"
    await make_key(world, "organizations:read", person="lister")
    assert await world.code("lister", PROJECT, id=world.project) is None
    assert await world.code("lister", REQUIREMENT, id=world.requirement) == "FORBIDDEN"
    await make_key(world, "admin", role="VIEWER", person="viewing")
    assert await world.code("viewing", REQUIREMENT, id=world.requirement) is None
    assert await world.code("viewing", WRITE, id=world.requirement) == "FORBIDDEN"


async def test_a_key_for_everything_makes_no_keys(world):
    key = await make_key(world, "admin", role="ADMIN")
    more = {"serviceAccountId": key.account, "name": "More", "scopes": ["admin"]}
    assert await world.code("robot", CREATE, input=more) == "FORBIDDEN"
    listed = await world.ask("robot", LIST, id=world.organization)
    assert listed["apiKeys"] == {"totalCount": 0, "nodes": []}
    assert await world.code("robot", REVOKE, id=key.id) == "NOT_FOUND"


@pytest.mark.slow
@pytest.mark.parametrize("person", ["admin", "editor", "member", "billing", "project_admin"])
async def test_only_owners_see_make_and_end_keys(world, person):
    key = await make_key(world)
    more = {"serviceAccountId": key.account, "name": "More", "scopes": ["admin"]}
    refusal = "NOT_FOUND" if person == "billing" else "FORBIDDEN"
    assert await world.code(person, CREATE, input=more) == refusal
    assert await world.code(person, REVOKE, id=key.id) == "NOT_FOUND"
    change = {"id": key.id, "version": 1, "input": {"name": "Mine"}}
    assert await world.code(person, UPDATE, **change) == "NOT_FOUND"
    listed = await world.ask(person, LIST, id=world.organization)
    assert listed["apiKeys"] == {"totalCount": 0, "nodes": []}
    assert (await shown(world, key.text)).status_code == 200


async def test_keys_of_other_tenants_do_not_exist(world, other_world):
    key = await make_key(world)
    for ask, more in (
        (CREATE, {"input": {"serviceAccountId": key.account, "name": "x", "scopes": ["admin"]}}),
        (REVOKE, {"id": key.id}),
        (UPDATE, {"id": key.id, "version": 1, "input": {"name": "x"}}),
    ):
        assert await other_world.code("owner", ask, **more) == "NOT_FOUND"
    world.tokens["robot"] = key.text
    assert await world.code("robot", REQUIREMENT, id=other_world.requirement) == "NOT_FOUND"


async def test_a_person_has_no_api_keys(world):
    for person in ("owner", "viewer", "outsider"):
        input = {"serviceAccountId": world.people[person], "name": "x", "scopes": ["admin"]}
        with pytest.raises(Refused) as refused:
            await world.ask("owner", CREATE, input=input)
        assert refused.value.code == "NOT_FOUND"
        assert refused.value.field == ["input", "serviceAccountId"]
    with pytest.raises(asyncpg.CheckViolationError):
        await world.superuser.execute(
            "INSERT INTO api_keys (organization_id, service_account_id, name, key_hash, hint,"
            " scopes, expires_at)"
            " VALUES ($1, $2, 'x', sha256('x'), 'abcd', '{admin}', now() + interval '1 day')",
            world.organization,
            world.people["viewer"],
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 501}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["requirements:read", "root"]}, "scopes"),
        ({"scopes": ["requirements:read admin"]}, "scopes"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": "2999-01-01T00:00:00Z"}, "expiresAt"),
        ({"expiresAt": (datetime.now(UTC) + timedelta(days=367)).isoformat()}, "expiresAt"),
    ],
)
async def test_what_makes_no_key_is_told_with_its_place(world, wrong, field):
    key = await make_key(world)
    input = {"serviceAccountId": key.account, "name": "x", "scopes": ["admin"]} | wrong
    with pytest.raises(Refused) as refused:
        await world.ask("owner", CREATE, input=input)
    assert refused.value.code == "INVALID"
    assert refused.value.field[:2] == ["input", field]
    listed = await world.ask("owner", LIST, id=world.organization)
    assert listed["apiKeys"]["totalCount"] == 1


async def test_a_key_is_changed_and_ends_within_a_year_of_its_making(world, superuser):
    key = await make_key(world)
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    change = {"name": "Export", "scopes": ["requirements:read"], "expiresAt": soon}
    changed = await world.ask("owner", UPDATE, id=key.id, version=1, input=change)
    assert changed["apiKey"]["version"] == 2
    assert changed["apiKey"]["name"] == "Export"
    world.tokens["robot"] = key.text
    assert await world.code("robot", WRITE, id=world.requirement) == "FORBIDDEN"
    await superuser.execute(
        "UPDATE api_keys SET created_at = created_at - interval '100 days' WHERE id = $1",
        UUID(key.id),
    )
    late = (datetime.now(UTC) + timedelta(days=300)).isoformat()
    with pytest.raises(Refused) as refused:
        await world.ask("owner", UPDATE, id=key.id, version=2, input={"expiresAt": late})
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "expiresAt"])


async def test_a_revoked_key_stops_at_once_and_for_good(world):
    key = await make_key(world)
    assert (await shown(world, key.text)).status_code == 200
    ended = (await world.ask("owner", REVOKE, id=key.id))["apiKey"]
    assert ended["revokedAt"]
    assert (await shown(world, key.text)).status_code == 401
    assert (await world.ask("owner", REVOKE, id=key.id))["apiKey"] == ended
    await world.ask("owner", UPDATE, id=key.id, version=2, input={"name": "Again"})
    assert (await shown(world, key.text)).status_code == 401


@pytest.mark.slow
@pytest.mark.parametrize("way", ["suspended", "removed", "gone", "account deleted", "expired"])
async def test_a_key_is_no_better_than_its_service_account(world, way):
    key = await make_key(world)
    match way:
        case "suspended":
            await world.ask("admin", MEMBER, id=key.member, input={"status": "SUSPENDED"})
        case "removed":
            await world.ask("admin", REMOVE, id=key.member)
        case "gone":
            await world.ask("owner", GONE, id=world.organization)
        case "account deleted":
            await world.ask("owner", DELETE, id=key.account)
            listed = await world.ask("owner", LIST, id=world.organization)
            assert listed["apiKeys"]["nodes"][0]["revokedAt"]
        case "expired":
            await world.superuser.execute(
                "UPDATE api_keys SET created_at = now() - interval '2 days',"
                " expires_at = now() - interval '1 day' WHERE id = $1",
                UUID(key.id),
            )
    assert (await shown(world, key.text)).status_code == 401


async def test_every_key_that_does_not_work_has_the_same_answer(world):
    key = await make_key(world)
    await world.ask("owner", REVOKE, id=key.id)
    stranger = "rqk_live_" + "x" * 43
    answers = []
    for text in (
        key.text,
        stranger + check_sum(stranger),
        key.text[:-1],
        key.text.swapcase(),
        key.text.upper(),
        key.text.replace("rqk_", "rqp_"),
        key.text.replace("rqk_live_", "rqt_"),
        f"{key.text} {key.text}",
    ):
        response = await shown(world, text)
        told = response.json()
        told.pop("extensions", None)
        answers.append((response.status_code, response.headers["WWW-Authenticate"], str(told)))
    assert len(set(answers)) == 1, answers
    assert answers[0][0] == 401


async def test_making_and_ending_is_recorded_and_the_key_nowhere(world, superuser):
    key = await make_key(world, "requirements:read")
    await world.ask("owner", REVOKE, id=key.id)
    await shown(world, key.text)
    events = await world.records(key.id)
    assert sorted(event["action"] for event in events) == ["create", "refuse", "update"]
    assert {event["soc2_control"] for event in events} == {"CC6.3", "CC6.1"}
    assert {event["organization_id"] for event in events} == {world.organization}
    hash_ = (
        await superuser.fetchval("SELECT key_hash FROM api_keys WHERE id = $1", UUID(key.id))
    ).hex()
    everything = await superuser.fetch(
        "SELECT t::text FROM audit_logs t WHERE created_at > now() - interval '1 hour'"
    )
    assert not [row for row in everything if key.text[9:52] in row[0] or hash_ in row[0]]
    refused = next(event for event in events if event["action"] == "refuse")
    assert (refused["event_type"], refused["severity"]) == ("access_denied", "medium")


async def test_a_mail_tells_all_owners_and_nobody_else_of_a_new_key(world, app):
    another = await world.superuser.fetchval(
        "UPDATE organization_members SET role = 'owner' WHERE id = $1 RETURNING user_id",
        world.members["editor"],
    )
    email = "SELECT email FROM profiles WHERE id = $1"
    with captured() as mails:
        key = await make_key(world)
        for person in (another, world.people["owner"]):
            address = await world.superuser.fetchval(email, person)
            [(subject, told)] = await mails.arrived(address)
            assert subject.endswith("has a new API key")
            assert f"Last characters: {key.row['hint']} " in told
            assert key.text[9:52] not in told
        for person in ("admin", "viewer"):
            assert not mails.to(await world.superuser.fetchval(email, world.people[person]))


async def test_a_repeat_shows_the_same_key_and_the_database_does_not(world, superuser):
    made = await make_key(world)
    input = {"serviceAccountId": str(made.account), "name": "Again", "scopes": ["admin"]}
    body = {"query": CREATE, "variables": {"input": input}}
    headers = {
        "Authorization": f"Bearer {await world.token('owner')}",
        "Idempotency-Key": (once := str(uuid4())),
    }
    first = await world.client.post("/graphql", json=body, headers=headers)
    again = await world.client.post("/graphql", json=body, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content == first.content
    text = first.json()["data"]["apiKeyCreate"]["secret"]
    assert (await shown(world, text)).status_code == 200
    kept = await superuser.fetchval("SELECT answer FROM idempotency_keys WHERE key = $1", once)
    assert text.encode()[9:52] not in kept
    listed = await world.ask("owner", LIST, id=world.organization)
    assert listed["apiKeys"]["totalCount"] == 2


async def test_whoever_serves_requests_cannot_read_a_digest_or_change_it(world, database):
    await make_key(world)
    connection = await asyncpg.connect(database.dsn)
    try:
        await connection.execute("SET ROLE gateway_app")
        for statement in (
            "SELECT key_hash FROM api_keys",
            "SELECT * FROM personal_tokens",
            "UPDATE api_keys SET key_hash = sha256('mine')",
            "DELETE FROM api_keys",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.slow
async def test_keys_are_purged_with_their_organization_and_the_account_outlives_it(world):
    key = await make_key(world)
    await world.ask("owner", GONE, id=world.organization)
    await world.superuser.execute(
        "UPDATE organizations SET deleted_at = now() - interval '31 days' WHERE id = $1",
        world.organization,
    )
    purge = """mutation ($id: UUID!) { purge(organizationId: $id) {
        total remaining purged { entityType count } } }"""
    purged = await world.ask("owner", purge, id=world.organization)
    assert {"entityType": "API_KEY", "count": 1} in purged["purged"]
    assert (await shown(world, key.text)).status_code == 401
    served = "SELECT service_of FROM profiles WHERE id = $1"
    assert await world.superuser.fetchval(served, key.account) == world.organization
