"""Many moves in one mutation, in the order of the input: requirementsMove, blocksMove."""

import random

import pytest

from tests.requirements.bulk import MOVE, MOVE_BLOCKS, change, codes, moved
from tests.requirements.bulk import UPDATE as UPDATE_MANY
from tests.world import Refused


async def stored(world):
    """Return all rows of the tenant that a move writes."""
    return [
        await world.superuser.fetch(
            f"SELECT * FROM {table} WHERE organization_id = $1 ORDER BY id", world.organization
        )
        for table in ("requirements", "blocks", "audit_logs")
    ]


@pytest.fixture
async def letters(shelf):
    """Return a document with the requirements A to H."""
    letters = await shelf()
    await letters.add_requirements(*"ABCDEFGH")
    return letters


async def move(letters, *items, query=MOVE, person="editor", **options):
    return await letters.world.ask(person, query, items=list(items), **options)


async def test_later_moves_see_what_earlier_ones_have_done(letters):
    ids = letters.ids
    answer = await move(
        letters,
        moved(ids["H"], first=True),
        moved(ids["C"], after=ids["H"]),
        moved(ids["A"], last=True),
        moved(ids["D"], before=ids["A"]),
        moved(ids["E"]),
    )
    assert (codes(answer), answer["succeeded"]) == ([None] * 5, 5)
    assert await letters.order() == "HCBFGDAE"
    versions = {result["requirement"]["version"] for result in answer["results"]}
    assert versions == {2}


@pytest.mark.parametrize("seed", range(3))
async def test_many_moves_are_the_same_as_one_after_the_other(letters, seed):
    chance = random.Random(seed)
    expected = list("ABCDEFGH")
    items = []
    for name in chance.sample(expected, 8):
        expected.remove(name)
        at = chance.randint(0, len(expected))
        to = {"after": letters.ids[expected[at - 1]]} if at else {"first": True}
        expected.insert(at, name)
        items.append(moved(letters.ids[name], **to))
    answer = await move(letters, *items)
    assert answer["failed"] == 0
    assert await letters.order() == "".join(expected)
    for name in expected:
        assert len(await letters.world.records(letters.ids[name])) <= 1


async def test_a_refused_move_stops_all_and_says_where_it_is_wrong(world, letters):
    before = await stored(world)
    items = [
        moved(letters.ids["A"], last=True),
        moved(letters.ids["B"], after=letters.ids["B"]),
        moved(letters.ids["D"], documentId=letters.ids["D"]),
        moved(world.block),
        moved(letters.ids["E"], 7, last=True),
        moved(letters.ids["F"], blockId=letters.ids["A"]),
    ]
    with pytest.raises(Refused) as refused:
        await move(letters, *items)
    told = refused.value.errors[0]["extensions"]["items"]
    assert [(item["index"], item["code"], item.get("field")) for item in told] == [
        (1, "INVALID", ["items", 1, "placeAt", "at", "after"]),
        (2, "NOT_FOUND", ["items", 2, "placeAt", "documentId"]),
        (3, "NOT_FOUND", ["items", 3, "id"]),
        (4, "INVALID", ["items", 4, "expectedVersion"]),
        (5, "NOT_FOUND", ["items", 5, "placeAt", "blockId"]),
    ]
    assert await stored(world) == before


async def test_what_is_refused_is_left_where_it_is_and_the_others_go_on(world, letters):
    ids = letters.ids
    await letters.move_requirement("B", last=True)
    answer = await move(
        letters,
        moved(ids["B"], 1, first=True),  # somebody has moved it
        moved(ids["C"], after=ids["B"]),  # which is where it was
        moved(ids["D"], after=ids["D"]),
        moved(ids["A"], last=True),
        onError="CONTINUE",
    )
    assert codes(answer) == ["CONFLICT", None, "INVALID", None]
    (conflict,) = answer["results"][0]["error"]["conflicts"]
    assert (conflict["field"], conflict["base"]) == ("position", 2)
    assert await letters.order() == "DEFGHBCA"


async def test_a_neighbour_whose_own_move_is_refused_is_still_where_it_was(shelf, letters):
    """Until that is known, it seems to be in the other document."""
    others, ids = await shelf(), letters.ids
    await letters.move_requirement("B", last=True)
    answer = await move(
        letters,
        moved(ids["B"], 1, documentId=others.id),
        moved(ids["A"], after=ids["B"]),
        moved(ids["C"], documentId=others.id, after=ids["B"]),
        onError="CONTINUE",
    )
    assert codes(answer) == ["CONFLICT", None, "INVALID"]
    assert (await letters.order(), await others.order()) == ("CDEFGHBA", "")


async def test_a_dry_run_tells_and_writes_nothing(world, letters):
    before = await stored(world)
    answer = await move(letters, moved(letters.ids["A"]), moved(letters.ids["B"]), dryRun=True)
    assert [result["requirement"]["position"] for result in answer["results"]] == [9, 10]
    assert (answer["dryRun"], await stored(world)) == (True, before)


async def test_two_who_move_a_row_at_once_are_told_even_where_both_put_it_last(letters):
    ids = letters.ids
    await move(letters, moved(ids["A"], last=True), moved(ids["B"], last=True))
    items = (moved(ids["B"], last=True), moved(ids["C"], last=True))
    answer = await move(letters, *items, onError="CONTINUE")
    assert codes(answer) == ["CONFLICT", None]
    (conflict,) = answer["results"][0]["error"]["conflicts"]
    assert (conflict["field"], conflict["base"]) == ("position", 2)
    assert conflict["current"] == conflict["yours"]
    assert await letters.order() == "DEFGHABC"


async def test_changes_of_other_fields_are_merged(world, letters):
    items = [change(letters.ids[name], 1, status="APPROVED") for name in "AB"]
    await world.ask("admin", UPDATE_MANY, items=items)
    answer = await move(letters, *(moved(letters.ids[name]) for name in "ABC"))
    assert [result["merged"] for result in answer["results"]] == [True, True, False]
    assert [result["mergedVersions"] for result in answer["results"]] == [[2], [2], []]


async def test_blocks_go_into_blocks_that_have_gone_there_before(world, shelf, other_project):
    letters, others = await shelf("AB"), await shelf("X", other_project)
    await letters.add_blocks("C", parent="B")
    await letters.add_requirements("r", block="C")
    ids = letters.ids
    answer = await move(
        letters,
        moved(ids["A"], documentId=others.id, first=True),
        moved(ids["B"], parentId=ids["A"]),  # not in this document any more
        moved(ids["C"], documentId=others.id, parentId=ids["A"], after=others.ids["X"]),
        query=MOVE_BLOCKS,
        onError="CONTINUE",
    )
    assert codes(answer) == [None, "INVALID", "INVALID"]  # X is in no block
    answer = await move(
        letters,
        moved(ids["B"], documentId=others.id, parentId=ids["A"]),
        moved(ids["A"], 2, parentId=ids["C"]),  # which is in B, which is in A
        moved(others.ids["X"], parentId=ids["C"]),
        query=MOVE_BLOCKS,
        onError="CONTINUE",
    )
    assert codes(answer) == [None, "INVALID", None]
    assert (await letters.blocks_order(), await others.blocks_order()) == ("", "ABCX")
    parents = {node["name"]: node["parentId"] for node in await others.listed("blocks")}
    assert parents == {"A": None, "B": str(ids["A"]), "C": str(ids["B"]), "X": str(ids["C"])}
    (requirement,) = await others.listed()
    assert (requirement["block"], requirement["projectId"]) == ({"name": "C"}, str(other_project))


async def test_a_block_stays_with_all_in_it_when_a_name_in_it_is_taken_there(world, shelf):
    letters, others = await shelf("AB"), await shelf("X")
    await letters.add_blocks("C", parent="A")
    await letters.add_requirements("a", block="A")
    await letters.add_requirements("c", block="C")
    await letters.add_requirements("b", block="B")
    await others.add_requirements("x", block="X")
    for name in ("c", "x"):
        await world.superuser.execute(
            "UPDATE requirements SET external_id = 'R-1' WHERE id = $1",
            {**letters.ids, **others.ids}[name],
        )
    items = [moved(letters.ids[name], documentId=others.id) for name in "AB"]
    answer = await move(letters, *items, query=MOVE_BLOCKS, onError="CONTINUE")
    assert codes(answer) == ["ALREADY_EXISTS", None]
    assert (await letters.blocks_order(), await others.blocks_order()) == ("AC", "XB")
    assert (await letters.order(), await others.order()) == ("ac", "xb")
    for name in "ACac":
        assert await world.records(letters.ids[name]) == []


async def test_the_policy_is_asked_for_each_move(world, shelf, letters):
    here = [
        moved(world.requirement, last=True),
        moved(world.requirement, documentId=letters.id),
        moved(letters.ids["A"], last=True),
    ]
    answers = [
        await world.code("document_editor", MOVE, items=[item], onError="ABORT") for item in here
    ]
    assert answers == [None, "NOT_FOUND", "NOT_FOUND"]
    assert await world.code("viewer", MOVE, items=here[2:]) == "FORBIDDEN"
    answer = await move(letters, *here[2:], person="viewer", onError="CONTINUE")
    assert codes(answer) == ["FORBIDDEN"]
