"""Many rows in one mutation, all or each for itself.

requirementsCreate, requirementsUpdate, requirementsDelete,
blocksCreate, blocksUpdate, blocksDelete.
"""

import asyncio
import json
from uuid import uuid4

import pytest

from graph.kit.context import Context
from graph.schema import schema
from tests.kit.asking import session_of
from tests.requirements.bulk import (
    CREATE,
    CREATE_BLOCKS,
    DELETE,
    DELETE_BLOCKS,
    MOVE_BLOCKS,
    UPDATE,
    UPDATE_BLOCKS,
    change,
    codes,
    gone,
    moved,
)
from tests.world import Refused


@pytest.fixture
def create(world):
    async def create(*items, person="editor", **options):
        items = [{"documentId": world.document} | item for item in items]
        return await world.ask(person, CREATE, items=items, **options)

    return create


@pytest.fixture
async def ids(create):
    made = await create(*({"name": f"R{n}"} for n in range(6)))
    return [result["requirement"]["id"] for result in made["results"]]


async def refused(attempt):
    with pytest.raises(Refused) as raised:
        await attempt
    return raised.value.errors[0]["extensions"]


async def stored(world, table="requirements"):
    rows = await world.superuser.fetch(
        f"SELECT * FROM {table} WHERE organization_id = $1 ORDER BY id", world.organization
    )
    return [dict(row) for row in rows]


async def recorded(world):
    count = "SELECT count(*) FROM audit_logs WHERE organization_id = $1"
    return await world.superuser.fetchval(count, world.organization)


async def test_new_rows_come_last_in_the_order_of_the_input(world, create):
    made = await create(
        {"name": "A", "blockId": world.block}, {"name": "B", "position": 8}, {"name": "C"}
    )
    rows = [result["requirement"] for result in made["results"]]
    assert [(row["name"], row["position"]) for row in rows] == [("A", 2), ("B", 8), ("C", 9)]
    assert [(row["version"], row["createdBy"]["id"]) for row in rows] == [
        (1, str(world.people["editor"]))
    ] * 3
    assert (made["succeeded"], made["failed"], made["dryRun"]) == (3, 0, False)
    for row in rows:
        (record,) = await world.records(row["id"])
        assert (record["action"], record["version"]) == ("create", 1)


async def test_one_refused_item_stops_all_and_every_refused_one_is_told(world, create):
    before = await stored(world), await recorded(world)
    extensions = await refused(
        create(
            {"name": "A"},
            {"name": "NUL \0"},
            {"name": "B", "documentId": uuid4()},
            {"name": " "},
            {"name": "C", "blockId": uuid4()},
            {"name": "D", "externalId": "X"},
            {"name": "E", "externalId": "X"},
        )
    )
    assert (extensions["code"], extensions["field"]) == ("INVALID", ["items", 1, "name"])
    told = [(item["index"], item["code"], item["field"]) for item in extensions["items"]]
    assert told == [
        (1, "INVALID", ["items", 1, "name"]),
        (2, "NOT_FOUND", ["items", 2, "documentId"]),
        (3, "INVALID", ["items", 3, "name"]),
        (4, "NOT_FOUND", ["items", 4, "blockId"]),
        (6, "ALREADY_EXISTS", ["items", 6, "externalId"]),
    ]
    assert all(item["message"] and item["retryable"] is False for item in extensions["items"])
    assert (await stored(world), await recorded(world)) == before


async def test_each_for_itself_writes_the_good_ones(world, create):
    made = await create(
        {"name": "A"},
        {"name": " "},
        {"name": "B", "externalId": "X"},
        {"name": "C", "externalId": "X"},
        {"name": "D", "properties": {"deep": {"text": "NUL \0"}}},
        onError="CONTINUE",
    )
    assert codes(made) == [None, "INVALID", None, "ALREADY_EXISTS", "INVALID"]
    paths = [result["error"] and result["error"]["field"] for result in made["results"]]
    assert paths[1] == ["items", 1, "name"]
    assert paths[4] == ["items", 4, "properties", "deep", "text"]
    assert (made["succeeded"], made["failed"]) == (2, 3)
    names = [row["name"] for row in await stored(world)]
    assert names[1:] == ["A", "B"]
    assert await recorded(world) == 2


async def test_a_dry_run_answers_alike_and_writes_nothing(world, ids):
    items = [change(ids[0], name="New"), change(ids[1], 7, name="New"), change(ids[2], name=" ")]
    before = await stored(world), await recorded(world)
    options = {"items": items, "onError": "CONTINUE"}
    dry = await world.ask("editor", UPDATE, dryRun=True, **options)
    assert (await stored(world), await recorded(world)) == before
    assert dry["dryRun"] is True
    assert await world.ask("editor", UPDATE, **options) == dry | {"dryRun": False}


async def test_a_dry_run_that_is_refused_is_refused_alike(world, ids):
    items = [change(ids[0], name="New"), change(ids[1], name=" ")]
    dry = await refused(world.ask("editor", UPDATE, items=items, dryRun=True))
    assert dry == await refused(world.ask("editor", UPDATE, items=items))


async def test_stale_rows_are_merged_or_conflict_as_single_ones_are(world, ids):
    await world.ask(
        "owner",
        UPDATE,
        items=[change(ids[0], name="Theirs"), change(ids[1], name="Theirs"), change(ids[2])],
    )
    items = [change(ids[0], tags=["mine"]), change(ids[1], name="Mine"), change(ids[2], name="New")]
    answer = await world.ask("editor", UPDATE, items=items, onError="CONTINUE")
    merged, conflict, fresh = answer["results"]
    assert (merged["merged"], merged["mergedVersions"], merged["error"]) == (True, [2], None)
    assert (merged["requirement"]["name"], merged["requirement"]["tags"]) == ("Theirs", ["mine"])
    assert (merged["requirement"]["version"], fresh["requirement"]["version"]) == (3, 2)
    assert (conflict["error"]["code"], conflict["error"]["currentVersion"]) == ("CONFLICT", 2)
    (field,) = conflict["error"]["conflicts"]
    assert field.pop("changedAt")
    assert field == {
        "field": "name",
        "base": "R1",
        "current": "Theirs",
        "yours": "Mine",
        "changedBy": str(world.people["owner"]),
    }
    stale = await refused(world.ask("editor", DELETE, items=[gone(ids[1]), gone(ids[3], 9)]))
    assert stale["field"] == ["items", 0]
    assert [item["code"] for item in stale["items"]] == ["CONFLICT", "INVALID"]
    assert stale["items"][0]["conflicts"][0]["field"] == "name"
    assert stale["items"][1]["field"] == ["items", 1, "expectedVersion"]


async def test_administrators_may_force_some_of_many(world, ids):
    await world.ask("owner", UPDATE, items=[change(id, name="Theirs") for id in ids[:2]])
    items = [change(ids[0], force=True, name="Mine"), change(ids[1], name="Mine")]
    answer = await world.ask("admin", UPDATE, items=items, onError="CONTINUE")
    assert codes(answer) == [None, "CONFLICT"]
    assert "forced" in (await world.records(ids[0]))[-1]["details"]


async def test_deleted_rows_are_answered_as_they_were_written(world, ids):
    answer = await world.ask("editor", DELETE, items=[gone(id) for id in ids])
    assert [(one["requirement"]["id"], one["requirement"]["version"]) for one in answer["results"]]
    assert {row["deleted_by"] for row in await stored(world)} == {None, world.people["editor"]}
    again = await world.ask("editor", DELETE, items=[gone(ids[0])], onError="CONTINUE")
    assert (codes(again), again["results"][0]["error"]["field"]) == (
        ["NOT_FOUND"],
        ["items", 0, "id"],
    )


async def test_the_same_row_twice_is_refused(world, ids):
    items = [change(ids[0], name="One"), change(ids[1], name="Two"), change(ids[0], name="Three")]
    extensions = await refused(world.ask("editor", UPDATE, items=items))
    assert (extensions["code"], extensions["field"]) == ("INVALID", ["items", 2, "id"])
    answer = await world.ask("editor", UPDATE, items=items, onError="CONTINUE")
    assert codes(answer) == [None, None, "INVALID"]


@pytest.mark.parametrize(("count", "code"), [(0, "INVALID"), (501, "QUERY_TOO_COMPLEX")])
async def test_a_bulk_is_of_1_to_500_items(world, create, count, code):
    extensions = await refused(create(*({"name": "A"} for _ in range(count))))
    assert extensions["code"] == code
    if code == "INVALID":
        assert extensions["field"] == ["items"]
    else:
        assert (extensions["limit"], extensions["maximum"]) == ("list items", 500)
    assert len(await stored(world)) == 1


async def test_the_limit_holds_where_an_operator_allows_longer_lists(world):
    item = {"documentId": str(world.document), "name": "A"}
    context = Context(await session_of(world, "editor"))
    result = await schema.execute(CREATE, {"items": [item] * 501}, context_value=context)
    extensions = result.errors[0].original_error.extensions
    assert (extensions["code"], extensions["field"]) == ("INVALID", ["items"])
    assert len(await stored(world)) == 1


@pytest.mark.parametrize("version", [0, -1, 2, 2**63 - 1])
async def test_a_version_that_never_was_is_refused(world, ids, version):
    extensions = await refused(
        world.ask("editor", UPDATE, items=[change(ids[0], version, name="A")])
    )
    assert (extensions["code"], extensions["field"]) == ("INVALID", ["items", 0, "expectedVersion"])


async def test_a_version_of_more_than_64_bits_does_not_fit_the_schema(world, ids):
    extensions = await refused(world.ask("editor", UPDATE, items=[change(ids[0], 2**63, name="A")]))
    assert extensions["code"] == "INVALID"


@pytest.mark.parametrize("number", ["NaN", "1e999", "-1e999"])
async def test_a_position_is_a_finite_number(world, number):
    item = json.dumps({"documentId": str(world.document), "name": "A"})[:-1]
    variables = f'{{"items": [{item}, "position": {number}}}]}}'
    body = f'{{"query": {json.dumps(CREATE)}, "variables": {variables}}}'
    headers = {"Authorization": f"Bearer {await world.token('editor')}"}
    headers["Content-Type"] = "application/json"
    response = await world.client.post("/graphql", content=body, headers=headers)
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] in ("INVALID", "BAD_REQUEST")
    assert len(await stored(world)) == 1


async def test_a_long_text_is_stored_and_a_longer_one_refused(world, create):
    made = await create({"name": "A", "description": "x" * 900_000})
    assert made["succeeded"] == 1
    with pytest.raises(Refused) as raised:
        await create({"name": "A", "description": "x" * 1_000_001})
    assert raised.value.code in ("INVALID", "BAD_REQUEST")


async def test_whoever_may_not_write_is_told_of_each_item(world, ids, create):
    answer = await create({"name": "A"}, {"name": "B"}, person="viewer", onError="CONTINUE")
    assert codes(answer) == ["FORBIDDEN", "FORBIDDEN"]
    for query, items in ((UPDATE, [change(id, name="A") for id in ids]), (DELETE, map(gone, ids))):
        extensions = await refused(world.ask("viewer", query, items=list(items)))
        assert [item["code"] for item in extensions["items"]] == ["FORBIDDEN"] * len(ids)


async def test_rows_of_others_and_beneath_deleted_parents_are_not_there(world, other_world, ids):
    delete = """mutation ($id: UUID!) {
        documentDelete(id: $id, expectedVersion: 1) { document { id } } }"""
    items = [change(other_world.requirement, name="A"), change(ids[0], name="A")]
    answer = await world.ask("editor", UPDATE, items=items, onError="CONTINUE")
    assert codes(answer) == ["NOT_FOUND", None]
    await world.ask("owner", delete, id=world.document)
    extensions = await refused(world.ask("editor", UPDATE, items=[change(ids[1], name="A")]))
    assert (extensions["code"], extensions["field"]) == ("NOT_FOUND", ["items", 0, "id"])
    answer = await world.ask(
        "editor", CREATE, items=[{"documentId": world.document, "name": "A"}], onError="CONTINUE"
    )
    assert codes(answer) == ["NOT_FOUND"]


async def test_a_name_given_up_by_one_item_is_free_for_a_later_one(world, create):
    made = await create({"name": "A", "externalId": "X"}, {"name": "B", "externalId": "Y"})
    one, other = (result["requirement"]["id"] for result in made["results"])
    items = [change(one, externalId="Z"), change(other, externalId="X")]
    assert (await world.ask("editor", UPDATE, items=items))["succeeded"] == 2


async def test_bulks_on_the_same_rows_at_once_take_turns(world, ids):
    forwards = [change(id, tags=["f"]) for id in ids]
    backwards = [change(id, status="APPROVED") for id in reversed(ids)]
    answers = await asyncio.gather(
        *(world.ask("editor", UPDATE, items=items) for items in [forwards, backwards] * 3)
    )
    assert {answer["failed"] for answer in answers} == {0}
    rows = (await stored(world))[1:]
    assert {(row["version"], row["status"], *row["tags"]) for row in rows} == {(3, "approved", "f")}


async def test_what_is_written_leads_on_without_a_statement_a_row(world, create):
    made = await create({"name": "A", "blockId": world.block}, {"name": "B"})
    query = CREATE.replace("blockId createdBy", "block { name } document { name } createdBy")
    items = [{"documentId": world.document, "blockId": world.block, "name": "C"}]
    answer = await world.ask("editor", query, items=items)
    assert answer["results"][0]["requirement"]["block"] == {"name": f"Block {world.name}"}
    assert made["results"][0]["requirement"]["blockId"] == str(world.block)


async def test_blocks_are_created_changed_and_deleted_in_bulk(world):
    items = [
        {"documentId": world.document, "name": "A", "parentId": world.block},
        {"documentId": world.document, "name": "B", "type": "table", "content": {"a": None}},
    ]
    made = await world.ask("editor", CREATE_BLOCKS, items=items)
    one, other = (result["block"] for result in made["results"])
    assert (one["parentId"], one["position"]) == (str(world.block), 2)
    assert (other["type"], other["content"], other["position"]) == ("table", {"a": None}, 3)
    changes = [change(one["id"], name="One"), change(other["id"], externalId="B-1")]
    answer = await world.ask("editor", UPDATE_BLOCKS, items=changes)
    assert [result["block"]["name"] for result in answer["results"]] == ["One", "B"]
    moves = [moved(one["id"], 2, parentId=None), moved(other["id"], 2, parentId=one["id"])]
    answer = await world.ask("editor", MOVE_BLOCKS, items=moves)
    assert [result["block"]["parentId"] for result in answer["results"]] == [None, one["id"]]
    answer = await world.ask("editor", DELETE_BLOCKS, items=[gone(one["id"], 3)])
    assert answer["succeeded"] == 1
    answer = await world.ask(
        "editor", UPDATE_BLOCKS, items=[change(other["id"], 3, name="C")], onError="CONTINUE"
    )
    assert codes(answer) == ["NOT_FOUND"]  # what it stands in is deleted


async def test_blocks_that_would_make_a_circle_together_are_refused(world):
    items = [{"documentId": world.document, "name": name} for name in "ABC"]
    made = await world.ask("editor", CREATE_BLOCKS, items=items)
    a, b, c = (result["block"]["id"] for result in made["results"])
    moves = [moved(a, parentId=b), moved(b, parentId=c), moved(c, parentId=a)]
    answer = await world.ask("editor", MOVE_BLOCKS, items=moves, onError="CONTINUE")
    assert codes(answer) == [None, None, "INVALID"]
    assert answer["results"][2]["error"]["field"] == ["items", 2, "placeAt", "parentId"]
    turned = [moved(b, 2, parentId=None), moved(a, 2, parentId=None)]
    answer = await world.ask("editor", MOVE_BLOCKS, items=turned)
    assert answer["failed"] == 0


async def test_the_cost_counts_what_a_bulk_may_answer(world):
    query = """mutation ($items: [RequirementCreateInput!]!) { requirementsCreate(items: $items) {
        results { index requirement { id document { id } } } } }"""
    items = [{"documentId": world.document, "name": f"R{n}"} for n in range(40)]
    answer = await world.answer("editor", query, items=items)
    each = 3  # the result, its requirement, and the document of that
    assert answer["extensions"]["cost"]["requested"] == 2 + 40 * each
