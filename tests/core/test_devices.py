"""The viewer's devices, listed and removed through the API."""

from uuid import uuid4

import pytest

from tests.core.keys import make_key, make_token
from tests.core.signed_in import browse, code

__all__ = ["browse"]

READ = """{ viewer { devices {
    id name network firstSeenAt lastSeenAt isSignedIn isCurrent } } }"""
REMOVE = "mutation ($id: UUID!) { deviceRemove(id: $id) { id ended } }"
STALE = "UPDATE sessions SET proved_at = now() - interval '16 minutes' WHERE user_id = $1"


@pytest.fixture
def device(world):
    """Return a function that gives a person a device, with their latest session or with none."""

    async def device(person, *, with_session=False):
        id = await world.superuser.fetchval(
            "INSERT INTO devices (user_id, token_hash, user_agent, network)"
            " VALUES ($1, sha256($2), 'Firefox/1 (Linux)', '192.0.2.0/24') RETURNING id",
            world.people[person],
            uuid4().bytes,
        )
        if with_session:
            await world.superuser.execute(
                "UPDATE sessions SET device_id = $1 WHERE id = (SELECT id FROM sessions"
                " WHERE user_id = $2 ORDER BY created_at DESC, id DESC LIMIT 1)",
                id,
                world.people[person],
            )
        return id

    return device


async def test_a_person_lists_their_devices_and_removing_one_ends_its_sessions(
    world, browse, device
):
    there = await browse("editor", "There")
    other = await device("editor", with_session=True)
    here = await browse("editor", "Here")
    mine, theirs = await device("editor", with_session=True), await device("owner")
    found = {one["id"]: one for one in (await here(READ))["data"]["viewer"]["devices"]}
    assert found.keys() == {str(mine), str(other)}
    assert found[str(mine)]["isCurrent"]
    assert not found[str(other)]["isCurrent"]
    assert found[str(other)]["isSignedIn"]
    assert found[str(other)]["name"] == "Firefox on Linux"
    assert found[str(other)]["network"] == "192.0.2.0/24"
    for id in (theirs, uuid4()):
        assert code(await here(REMOVE, id=str(id))) == "NOT_FOUND"
    removed = (await here(REMOVE, id=str(other)))["data"]["deviceRemove"]
    assert removed == {"id": str(other), "ended": 1}
    assert (await there("{ viewer { scopes } }"))["data"]["viewer"] is None
    assert [one["id"] for one in (await here(READ))["data"]["viewer"]["devices"]] == [str(mine)]
    assert code(await here(REMOVE, id=str(other))) == "NOT_FOUND"


async def test_devices_need_a_recent_authentication(world, browse, device):
    ask = await browse("editor")
    id = await device("editor")
    await world.superuser.execute(STALE, world.people["editor"])
    assert code(await ask(READ)) == "FORBIDDEN"
    assert code(await ask(REMOVE, id=str(id))) == "FORBIDDEN"


async def test_tokens_need_the_scope_admin_and_servers_have_no_devices(world, device):
    id = await device("editor")
    await make_token(world, "editor", "requirements:write")
    assert await world.code("editor's script", READ) == "FORBIDDEN"
    assert await world.code("editor's script", REMOVE, id=id) == "FORBIDDEN"
    await make_key(world, "admin", role="ADMIN")
    assert await world.code("robot", READ) == "FORBIDDEN"


async def test_an_export_has_devices_and_an_erasure_removes_them(world, device):
    id, person = await device("editor"), world.people["editor"]
    exported = "SELECT content FROM ctx.export_person($1) WHERE kind = 'devices'"
    [row] = await world.superuser.fetch(exported, person)
    assert str(id) in str(row["content"])
    assert "token_hash" not in row["content"]
    await world.superuser.execute("UPDATE profiles SET deleted_at = now() WHERE id = $1", person)
    await world.superuser.execute("SELECT ctx.erase_person($1)", person)
    left = "SELECT count(*) FROM devices WHERE user_id = $1"
    assert await world.superuser.fetchval(left, person) == 0
