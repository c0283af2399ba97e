"""The viewer's passkeys, listed and removed through the API."""

from uuid import uuid4

import pytest

from tests.core.keys import make_key, make_token
from tests.core.signed_in import browse, code

__all__ = ["browse"]

READ = "{ viewer { passkeys { id name isBackupEligible isBackedUp createdAt lastUsedAt } } }"
REMOVE = "mutation ($id: UUID!) { passkeyRemove(id: $id) { id } }"
STALE = "UPDATE sessions SET proved_at = now() - interval '16 minutes' WHERE user_id = $1"


@pytest.fixture
def passkey(world):
    """Return a function that gives a person a passkey, and returns its ID."""

    async def passkey(person, name="My phone"):
        return await world.superuser.fetchval(
            "INSERT INTO passkeys (user_id, name, credential_id, public_key, sign_count, aaguid,"
            " is_backup_eligible, is_backed_up) VALUES ($1, $2, $3, '\\x01', 0,"
            " gen_random_uuid(), true, false) RETURNING id",
            world.people[person],
            name,
            uuid4().bytes,
        )

    return passkey


async def test_a_person_lists_their_passkeys_and_removes_one(world, browse, passkey):
    mine, other = await passkey("editor"), await passkey("owner", "Theirs")
    ask = await browse("editor")
    [found] = (await ask(READ))["data"]["viewer"]["passkeys"]
    assert (found["id"], found["name"], found["lastUsedAt"]) == (str(mine), "My phone", None)
    assert (found["isBackupEligible"], found["isBackedUp"]) == (True, False)
    for id in (other, uuid4()):
        assert code(await ask(REMOVE, id=str(id))) == "NOT_FOUND"
    assert (await ask(REMOVE, id=str(mine)))["data"] == {"passkeyRemove": {"id": str(mine)}}
    assert (await ask(READ))["data"]["viewer"]["passkeys"] == []
    left = "SELECT count(*) FROM passkeys WHERE user_id = $1"
    assert await world.superuser.fetchval(left, world.people["owner"]) == 1


async def test_removing_one_requires_a_recent_authentication(world, browse, passkey):
    id = await passkey("editor")
    ask = await browse("editor")
    await world.superuser.execute(STALE, world.people["editor"])
    assert code(await ask(REMOVE, id=str(id))) == "FORBIDDEN"
    assert len((await ask(READ))["data"]["viewer"]["passkeys"]) == 1


async def test_tokens_need_the_scope_admin_and_servers_have_no_passkeys(world, passkey):
    id = await passkey("editor")
    await make_token(world, "editor", "requirements:write")
    assert await world.code("editor's script", READ) == "FORBIDDEN"
    assert await world.code("editor's script", REMOVE, id=id) == "FORBIDDEN"
    await make_key(world, "admin", role="ADMIN")
    assert await world.code("robot", READ) == "FORBIDDEN"


async def test_an_export_has_passkeys_and_an_erasure_removes_them(world, passkey):
    id, person = await passkey("editor"), world.people["editor"]
    exported = "SELECT content FROM ctx.export_person($1) WHERE kind = 'passkeys'"
    [row] = await world.superuser.fetch(exported, person)
    assert str(id) in str(row["content"])
    assert "public_key" not in row["content"]
    await world.superuser.execute("UPDATE profiles SET deleted_at = now() WHERE id = $1", person)
    await world.superuser.execute("SELECT ctx.erase_person($1)", person)
    left = "SELECT count(*) FROM passkeys WHERE user_id = $1"
    assert await world.superuser.fetchval(left, person) == 0
