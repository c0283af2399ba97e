"""Many rows under one key: refused, tried or written, all of it once."""

import pytest

from tests.http.keyed import CREATE as SINGLE
from tests.http.keyed import new_key, replayed, same
from tests.requirements.bulk import CREATE, UPDATE, change, codes


def items(world, *names):
    return [{"documentId": str(world.document), "name": name} for name in names]


def answer_of(response):
    """Return the bulk's own answer."""
    (found,) = response.json()["data"].values()
    return found


async def stored(world):
    rows = await world.superuser.fetch(
        "SELECT name FROM requirements WHERE organization_id = $1 ORDER BY position",
        world.organization,
    )
    return [row["name"] for row in rows][1:]


async def test_a_bulk_under_a_key_is_done_once(keyed, world):
    key, asked = new_key(), {"items": items(world, "A", " ", "B"), "onError": "CONTINUE"}
    first = await keyed.send(key, CREATE, **asked)
    again = await keyed.send(key, CREATE, **asked)
    assert codes(answer_of(first)) == [None, "INVALID", None]
    assert same(first, again)
    assert replayed(again)
    assert await stored(world) == ["A", "B"]


@pytest.mark.parametrize("options", [{"dryRun": True, "onError": "CONTINUE"}, {}])
async def test_what_writes_nothing_writes_nothing_under_a_key_either(keyed, world, options):
    key, asked = new_key(), {"items": items(world, "A", " "), **options}
    first = await keyed.send(key, CREATE, **asked)
    assert same(first, await keyed.send(key, CREATE, **asked))
    assert await stored(world) == []


@pytest.mark.slow
async def test_a_refused_bulk_spares_what_else_is_under_the_key(keyed, world):
    single = SINGLE.partition("{")[2].rpartition("}")[0]
    bulk = CREATE.partition("{")[2].rpartition("}")[0]
    query = f"""mutation ($document: UUID!, $name: String!,
        $items: [RequirementCreateInput!]!, $onError: OnError! = ABORT,
        $dryRun: Boolean! = false) {{ {single} {bulk} }}"""
    asked = {"document": world.document, "name": "One", "items": items(world, "A", " ")}
    response = await keyed.send(new_key(), query, **asked)
    assert response.json()["data"]["requirementsCreate"] is None
    assert await stored(world) == ["One"]


async def test_a_key_tells_changes_of_many_rows_apart(keyed, world):
    key = new_key()
    first = await keyed.send(key, UPDATE, items=[change(world.requirement, name="A")])
    other = await keyed.send(key, UPDATE, items=[change(world.requirement, name="B")])
    assert answer_of(first)["succeeded"] == 1
    assert other.json()["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_MISMATCH"
    assert await keyed.changes() == 1
