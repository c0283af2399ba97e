"""A stored response serves its own repeat alone: it is encrypted for one request."""

from tests.core.keys import CREATE, EMPLOY, TOKEN, make_token
from tests.http.keyed import UPDATE, Keyed, code_of, new_key, replayed, same

KEPT = "SELECT answer FROM idempotency_keys WHERE key = $1"
PUT = "UPDATE idempotency_keys SET answer = $2 WHERE key = $1"


async def test_nobody_reads_an_answer_in_the_database(keyed):
    key = new_key()
    first = await keyed.update(key, "Unmistakable")
    kept = await keyed.world.superuser.fetchval(KEPT, key)
    assert b"Unmistakable" not in kept
    assert len(kept) > len(first.content) + 12 + 16  # the nonce, the seal, whose it is
    again = await keyed.update(key, "Unmistakable")
    assert replayed(again)
    assert same(first, again)


async def test_an_answer_is_no_other_request_s(keyed):
    one, other = new_key(), new_key()
    await keyed.update(one, "Stops")
    await keyed.update(other, "Goes", version=2)
    kept = await keyed.world.superuser.fetchval(KEPT, one)
    await keyed.world.superuser.execute(PUT, other, kept)
    refused = await keyed.update(other, "Goes", version=2)
    assert (refused.status_code, code_of(refused)) == (422, "IDEMPOTENCY_MISMATCH")
    assert await keyed.changes() == 2


async def test_an_answer_that_cannot_be_read_any_more_is_not_made_again(keyed):
    key = new_key()
    await keyed.update(key, "Stops")
    for bytes_ in (b"", b"another gateway's secret" * 2, b'{"data":null}'):
        await keyed.world.superuser.execute(PUT, key, bytes_)
        refused = await keyed.update(key, "Stops")
        assert code_of(refused) == "IDEMPOTENCY_MISMATCH"
        assert "has been done" in refused.json()["errors"][0]["message"]
    assert await keyed.changes() == 1


async def test_a_repeat_needs_the_scopes_of_the_first(world):
    key, values = new_key(), {"id": world.requirement, "name": "Stops"}
    await make_token(world, "editor", "requirements:write", "organizations:read")
    first = await Keyed(world, "editor's script").send(key, UPDATE, **values)
    for scopes, code in (
        (["requirements:read", "organizations:read"], "FORBIDDEN"),
        (["requirements:write"], "FORBIDDEN"),
        (["requirements:write", "organizations:write"], None),
        (["admin"], None),
    ):
        await make_token(world, "editor", *scopes)
        again = await Keyed(world, "editor's script").send(key, UPDATE, **values)
        assert code_of(again) == code
        assert replayed(again) == (code is None)
    assert same(first, again)


async def test_a_secret_is_shown_again_to_what_made_it_and_to_nothing_else(world):
    employ = {"organizationId": world.organization, "name": "Import", "role": "EDITOR"}
    account = (await world.ask("owner", EMPLOY, input=employ))["serviceAccount"]["id"]
    input = {"serviceAccountId": account, "name": "Import", "scopes": ["admin"]}
    await make_token(world, "owner", "admin")
    key, maker = new_key(), Keyed(world, "owner's script")
    first = await maker.send(key, CREATE, input=input)
    assert same(first, await maker.send(key, CREATE, input=input))
    await make_token(world, "owner", "admin")
    other = await maker.send(key, CREATE, input=input)
    assert code_of(other) == "FORBIDDEN"
    assert "secret" in other.json()["errors"][0]["message"]
    assert first.json()["data"]["apiKeyCreate"]["secret"] not in other.text


async def test_a_personal_token_is_not_shown_to_a_narrower_one_of_its_person(world):
    input = {"name": "Script", "scopes": ["admin"], "expiresAt": "2027-06-01T00:00:00Z"}
    await make_token(world, "viewer", "admin")
    key, script = new_key(), Keyed(world, "viewer's script")
    first = await script.send(key, TOKEN, input=input)
    await make_token(world, "viewer", "requirements:read")
    refused = await script.send(key, TOKEN, input=input)
    assert refused.json()["errors"][0]["extensions"]["scope"] == "admin"
    assert first.json()["data"]["personalTokenCreate"]["secret"] not in refused.text
