"""Blocks are moved in their order, into each other, and with all in them to other documents."""

import asyncio

import pytest
from uuid_utils.compat import uuid7

from tests.world import Refused

UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: BlockUpdateInput!) {
    blockUpdate(id: $id, expectedVersion: $version, input: $input) { block { version } } }"""
DELETE = """mutation ($id: UUID!) {
    blockDelete(id: $id, expectedVersion: 1) { block { id version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    blockRestore(id: $id, expectedVersion: $version) { block { id version documentId } } }"""


async def refusal(attempt):
    with pytest.raises(Refused) as refused:
        await attempt
    return refused.value.code, refused.value.field


@pytest.mark.parametrize(
    ("moved", "to", "order"),
    [
        ("D", {"after": "A"}, "ADBC"),
        ("A", {"before": "D"}, "BCAD"),
        ("C", {"first": True}, "CABD"),
        ("B", {"last": True}, "ACDB"),
        ("B", {}, "ACDB"),
    ],
    ids=str,
)
async def test_a_block_goes_where_it_is_put(shelf, moved, to, order):
    letters = await shelf("ABCD")
    to = {key: letters.ids.get(name, name) for key, name in to.items()}
    answer = await letters.move_block(moved, **to)
    assert (answer["row"]["version"], answer["row"]["parentId"]) == (2, None)
    assert await letters.blocks_order() == order


async def test_a_block_that_is_there_already_is_left_alone(world, shelf):
    letters = await shelf("ABC")
    answer = await letters.move_block("B", after=letters.ids["A"])
    assert (answer["row"]["version"], answer["row"]["position"]) == (1, 2.0)
    assert await world.records(letters.ids["B"]) == []


async def test_a_block_goes_into_another_and_out_of_it(shelf):
    letters = await shelf("ABC")
    into = await letters.move_block("C", parentId=letters.ids["A"], first=True)
    assert into["row"]["parentId"] == str(letters.ids["A"])
    assert await letters.blocks_order() == "CAB"
    stays = await letters.move_block("C", 2, after=letters.ids["A"])
    assert stays["row"]["parentId"] == str(letters.ids["A"])
    out = await letters.move_block("C", 3, parentId=None, last=True)
    assert out["row"]["parentId"] is None


async def test_a_block_does_not_go_into_itself(shelf):
    letters = await shelf("A")
    await letters.add_blocks("B", parent="A")
    await letters.add_blocks("C", parent="B")
    for name in "ABC":
        attempt = letters.move_block("A", parentId=letters.ids[name])
        assert await refusal(attempt) == ("INVALID", ["placeAt", "parentId"])
    assert await letters.blocks_order() == "ABC"


async def test_blocks_that_go_into_each_other_at_once_make_no_circle(shelf):
    letters = await shelf("AB")
    attempts = (
        letters.move_block("A", parentId=letters.ids["B"]),
        letters.move_block("B", parentId=letters.ids["A"]),
    )
    done = await asyncio.gather(*attempts, return_exceptions=True)
    assert [one.code for one in done if isinstance(one, Refused)] == ["INVALID"]


async def test_a_neighbour_stands_in_the_block_that_is_given(world, other_world, shelf):
    letters, others = await shelf("ABX"), await shelf("Y")
    await letters.add_blocks("C", parent="A")
    ids = letters.ids
    for to in (
        {"parentId": ids["A"], "after": ids["B"]},
        {"parentId": None, "after": ids["C"]},
        {"after": others.ids["Y"]},
        {"after": other_world.block},
        {"after": ids["X"]},
        {"after": uuid7()},
    ):
        attempt = letters.move_block("X", **to)
        assert await refusal(attempt) == ("INVALID", ["placeAt", "at", "after"])
    await world.ask("editor", DELETE, id=ids["B"])
    attempt = letters.move_block("X", before=ids["B"])
    assert await refusal(attempt) == ("INVALID", ["placeAt", "at", "before"])
    moved = await letters.move_block("X", parentId=ids["A"], before=ids["C"])
    assert moved["row"]["parentId"] == str(ids["A"])


@pytest.mark.parametrize("place", ["parentId", "documentId"])
async def test_a_block_goes_to_what_is_there(world, other_world, shelf, place):
    letters, others = await shelf("A"), await shelf("Y")
    foreign = {"parentId": other_world.block, "documentId": other_world.document}[place]
    for id in (foreign, world.requirement, uuid7()):
        attempt = letters.move_block("A", **{place: id})
        assert await refusal(attempt) == ("NOT_FOUND", ["placeAt", place])
    attempt = letters.move_block("A", parentId=others.ids["Y"])
    assert await refusal(attempt) == ("INVALID", ["placeAt", "parentId"])
    assert await world.records(letters.ids["A"]) == []


async def test_a_block_takes_along_what_stands_in_it(world, shelf, other_project):
    letters, others = await shelf("AB"), await shelf("XY", other_project)
    await letters.add_blocks("C", "D", parent="A")
    await letters.add_blocks("E", parent="D")
    await letters.add_requirements("p", block="E")
    await letters.add_requirements("q", block="B")
    await letters.add_requirements("r", block="A")
    await letters.add_requirements("s", block="A", deleted=True)
    await others.add_requirements("z", block="X")
    column = uuid7()
    await world.superuser.execute(
        "WITH property AS (INSERT INTO properties (organization_id, key, name, property_type)"
        " VALUES ($1, 'owner', 'Owner', 'text') RETURNING id)"
        " INSERT INTO columns (id, organization_id, project_id, document_id, block_id, property_id)"
        " SELECT $2, $1, $3, $4, $5, id FROM property",
        world.organization,
        column,
        world.project,
        letters.id,
        letters.ids["A"],
    )
    links = [uuid7(), uuid7()]
    for id, source, target in (
        (links[0], letters.ids["p"], letters.ids["q"]),
        (links[1], letters.ids["q"], letters.ids["p"]),
    ):
        await world.superuser.execute(
            "INSERT INTO trace_links (id, organization_id, project_id, source_id, source_type,"
            " target_id, target_type) VALUES ($1, $2, $3, $4, 'requirement', $5, 'requirement')",
            id,
            world.organization,
            world.project,
            source,
            target,
        )
    answer = await letters.move_block("A", documentId=others.id, after=others.ids["X"])
    assert (
        answer["row"].items()
        >= {
            "version": 2,
            "parentId": None,
            "documentId": str(others.id),
            "projectId": str(other_project),
        }.items()
    )
    assert (await letters.blocks_order(), await others.blocks_order()) == ("B", "XACDEY")
    parents = await world.superuser.fetch("SELECT id, parent_id FROM blocks ORDER BY id")
    parents = dict(map(tuple, parents))
    assert [parents[letters.ids[name]] for name in "CDE"] == [
        letters.ids["A"],
        letters.ids["A"],
        letters.ids["D"],
    ]
    assert [node["name"] for node in await letters.listed()] == ["q"]
    there = await others.listed()
    assert [(node["name"], node["block"]["name"]) for node in there] == [
        ("z", "X"),
        ("p", "E"),
        ("r", "A"),
    ]
    assert {node["projectId"] for node in there} == {str(other_project)}
    for id in (*(letters.ids[name] for name in "ACDEprs"), column):
        (change,) = await world.records(id)
        assert change["document_id"] == others.id
        assert {"document_id", "project_id"} <= set(change["changed_fields"])
        assert (change["action"], change["version"]) == ("update", 2)
        assert "renumbered" not in change["details"]
    assert [len(await world.records(link)) for link in links] == [1, 0]
    for name in "Bqz":
        assert await world.records({**letters.ids, **others.ids}[name]) == []


async def test_a_deleted_block_comes_back_where_it_was_taken_along_to(world, shelf):
    letters, others = await shelf("AB"), await shelf("X")
    await letters.add_blocks("C", parent="A")
    deleted = await world.ask("editor", DELETE, id=letters.ids["C"])
    await letters.move_block("A", documentId=others.id)
    back = {"id": letters.ids["C"], "version": deleted["block"]["version"]}
    assert await world.code("editor", RESTORE, **back) == "CONFLICT"  # it has been moved
    back["version"] += 1
    restored = await world.ask("editor", RESTORE, **back)
    assert restored["block"]["documentId"] == str(others.id)
    assert await others.blocks_order() == "XAC"


async def test_a_move_is_merged_with_changes_of_other_fields(world, shelf):
    letters = await shelf("ABC")
    change = {"id": letters.ids["A"], "version": 1}
    await world.ask("admin", UPDATE, **change, input={"name": "a"})
    answer = await letters.move_block("A", after=letters.ids["B"])
    assert (answer["merged"], answer["row"]["version"]) == (True, 3)
    attempt = letters.move_block("A", after=letters.ids["C"], version=2)
    assert (await refusal(attempt))[0] == "CONFLICT"
    assert await letters.blocks_order() == "BaC"


async def test_a_place_is_not_merged_piece_by_piece(shelf):
    letters, others = await shelf("AB"), await shelf("X")
    await letters.move_block("A", documentId=others.id)
    attempt = letters.move_block(
        "A", documentId=letters.id, first=True
    )  # where it was at version 1
    assert (await refusal(attempt))[0] == "CONFLICT"
    assert (await letters.blocks_order(), await others.blocks_order()) == ("B", "XA")
