"""Personal tokens: never wider than the credential that created them, with a notice by mail."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from auth.credentials.tokens import check_sum
from auth.oauth.cleanup import clean
from tests.core.keys import (
    PROJECT,
    REQUIREMENT,
    TOKEN,
    WRITE,
    make_key,
    make_token,
    shown,
)
from tests.world import Refused

REVOKE_TOKEN = """mutation ($id: UUID!) { personalTokenRevoke(id: $id) {
    personalToken { version revokedAt } } }"""
MINE = "{ viewer { personalTokens { totalCount nodes { id name hint scopes revokedAt } } } }"
NODE = "query ($id: ID!) { node(id: $id) { id } }"
SUSPEND = "UPDATE profiles SET status = 'suspended' WHERE id = $1"


def asked(*scopes, days=30):
    expires_at = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    return {"name": "More", "scopes": list(scopes), "expiresAt": expires_at}


async def test_a_token_acts_as_its_person_within_its_scopes(world):
    made = await make_token(world, "editor", "requirements:write")
    assert made.text.startswith("rqp_live_")
    assert made.row["hint"] == made.text[-4:]
    assert await world.code("editor's script", REQUIREMENT, id=world.requirement) is None
    assert await world.code("editor's script", PROJECT, id=world.project) == "FORBIDDEN"
    assert await world.code("editor's script", WRITE, id=world.requirement) is None
    (event,) = await world.records(world.requirement)
    assert (event["actor_id"], event["session_id"]) == (world.people["editor"], made.id)


async def test_everybody_sees_their_own_and_nobody_else_s(world, other_world):
    made = await make_token(world, "editor")
    mine = (await world.ask("editor", MINE))["personalTokens"]
    assert [node["id"] for node in mine["nodes"]] == [made.id]
    for asking, person in ((world, "owner"), (world, "admin"), (other_world, "editor")):
        theirs = (await asking.ask(person, MINE))["personalTokens"]
        assert theirs == {"totalCount": 0, "nodes": []}
        assert await asking.code(person, NODE, id=made.id) == "NOT_FOUND"
        assert await asking.code(person, REVOKE_TOKEN, id=made.id) == "NOT_FOUND"
    assert await world.code(None, REVOKE_TOKEN, id=made.id) == "UNAUTHENTICATED"
    assert (await shown(world, made.text)).status_code == 200


@pytest.mark.parametrize("scope", ["organizations:write", "requirements:write"])
async def test_a_narrow_token_makes_no_tokens_at_all(world, scope):
    await make_token(world, "owner", scope)
    for wanted in ("admin", scope, "requirements:read"):
        with pytest.raises(Refused) as refused:
            await world.ask("owner's script", TOKEN, input=asked(wanted))
        assert refused.value.code == "FORBIDDEN"
    assert (await world.ask("owner", MINE))["personalTokens"]["totalCount"] == 1


async def test_a_token_for_everything_makes_others(world):
    await make_token(world, "owner", "admin")
    made = await world.ask("owner's script", TOKEN, input=asked("requirements:read"))
    assert made["personalToken"]["scopes"] == ["requirements:read"]


async def test_a_service_account_has_none(world):
    key = await make_key(world, "admin", role="ADMIN")
    assert await world.code("robot", TOKEN, input=asked("admin")) == "FORBIDDEN"
    with pytest.raises(asyncpg.CheckViolationError):
        await world.superuser.execute(
            "INSERT INTO personal_tokens (user_id, name, key_hash, hint, scopes, expires_at)"
            " VALUES ($1, 'x', sha256('y'), 'abcd', '{admin}', now() + interval '1 day')",
            key.account,
        )


@pytest.mark.parametrize("days", [-1, 0, 367, 40000])
async def test_a_token_expires_within_a_year(world, days):
    with pytest.raises(Refused) as refused:
        await world.ask("editor", TOKEN, input=asked("admin", days=days))
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "expiresAt"])


@pytest.mark.slow
@pytest.mark.parametrize("way", ["revoked", "expired", "suspended", "deleted", "not approved"])
async def test_it_stops_at_once(world, way):
    made, person = await make_token(world, "editor"), world.people["editor"]
    assert (await shown(world, made.text)).status_code == 200
    match way:
        case "revoked":
            ended = await world.ask("editor", REVOKE_TOKEN, id=made.id)
            assert ended["personalToken"]["revokedAt"]
        case "expired":
            await world.superuser.execute(
                "UPDATE personal_tokens SET created_at = now() - interval '2 days',"
                " expires_at = now() - interval '1 day' WHERE id = $1",
                UUID(made.id),
            )
        case "suspended":
            await world.superuser.execute(SUSPEND, person)
        case "deleted":
            await world.superuser.execute(
                "UPDATE profiles SET deleted_at = now() WHERE id = $1", person
            )
        case "not approved":
            await world.superuser.execute(
                "UPDATE profiles SET is_approved = false WHERE id = $1", person
            )
    assert (await shown(world, made.text)).status_code == 401


async def test_roles_are_those_of_the_person_now(world):
    await make_token(world, "editor")
    remove = """mutation ($id: UUID!) {
        organizationMemberRemove(id: $id, expectedVersion: 1) {
            member: organizationMember { id } } }"""
    assert await world.code("editor's script", REQUIREMENT, id=world.requirement) is None
    await world.ask("admin", remove, id=world.members["editor"])
    assert await world.code("editor's script", REQUIREMENT, id=world.requirement) == "NOT_FOUND"


@pytest.mark.slow
async def test_many_keys_that_do_not_work_make_their_network_wait(world, app):
    good = await make_token(world, "editor")
    address = f"198.18.{uuid4().int % 200}.7"
    transport = httpx.ASGITransport(app, client=(address, 1))
    base = "http://localhost"
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        for _ in range(12):
            await asyncio.gather(*(shown(world, unknown(), client) for _ in range(10)))
        refused = await shown(world, unknown(), client)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert (await shown(world, good.text, client)).status_code == 200
        assert (await shown(world, "rqp_live_mistyped", client)).status_code == 401
    assert (await shown(world, unknown())).status_code == 401
    network = address.rpartition(".")[0] + ".0/24"
    written = "SELECT count(*) FROM audit_logs WHERE action = 'refuse' AND ip_address << $1::inet"
    assert 90 <= await world.superuser.fetchval(written, network) <= 110


def unknown():
    body = f"rqp_live_{uuid4().hex}{uuid4().hex[:11]}"
    return body + check_sum(body)


async def test_keys_that_expired_long_ago_are_removed_in_batches(world, database):
    key = await make_key(world)
    tokens = [await make_token(world, "editor") for _ in range(3)]
    kept = await make_token(world, "editor")
    for table in ("api_keys", "personal_tokens"):
        await world.superuser.execute(
            f"UPDATE {table} SET created_at = now() - interval '100 days',"
            " expires_at = now() - interval '91 days' WHERE id = ANY ($1)",
            [UUID(key.id), *(UUID(token.id) for token in tokens)],
        )
    assert await clean(database, batch=2) >= 4
    left = (await world.ask("editor", MINE))["personalTokens"]["nodes"]
    assert [node["id"] for node in left] == [kept.id]
    assert (
        await world.superuser.fetchval("SELECT count(*) FROM api_keys WHERE id = $1", UUID(key.id))
        == 0
    )
