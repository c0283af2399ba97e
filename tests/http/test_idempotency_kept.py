"""What is kept of an answer is of use to its repeat alone: it is encrypted, and for one request."""

from tests.http.keyed import code_of, new_key, replayed, same

KEPT = "SELECT answer FROM idempotency_keys WHERE key = $1"
PUT = "UPDATE idempotency_keys SET answer = $2 WHERE key = $1"


async def test_nobody_reads_an_answer_in_the_database(keyed):
    key = new_key()
    first = await keyed.update(key, "Unmistakable")
    kept = await keyed.world.superuser.fetchval(KEPT, key)
    assert b"Unmistakable" not in kept
    assert len(kept) == len(first.content) + 12 + 16  # the nonce, the seal
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
