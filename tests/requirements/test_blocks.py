"""Blocks: the tree that a document is made of."""

import asyncio

import pytest

from tests.world import Refused

CREATE = """mutation ($input: BlockCreateInput!) { blockCreate(input: $input) { block {
    id version type name position content externalId organizationId projectId documentId parentId
    createdBy { id } updatedBy { id } } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: BlockUpdateInput!) {
    blockUpdate(id: $id, expectedVersion: $version, input: $input) { block {
        id version type name position content externalId parentId updatedBy { id } } } }"""
MOVE = """mutation ($id: UUID!, $version: BigInt!, $to: BlockPlaceInput!) {
    blockMove(id: $id, expectedVersion: $version, placeAt: $to) { block { id version } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    blockDelete(id: $id, expectedVersion: $version) { block { id version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    blockRestore(id: $id, expectedVersion: $version) { block { id version } } }"""
BLOCK = """query ($id: UUID!) { block(id: $id) {
    id version type name position content externalId organizationId projectId documentId parentId
    document { id } parent { id } createdBy { id } updatedBy { id }
    children { nodes { name } totalCount } } }"""
IN_DOCUMENT = "query ($id: UUID!) { document(id: $id) { blocks { nodes { name } totalCount } } }"


@pytest.fixture
def new(world):
    """Create a block as the editor; the block."""

    async def new(name="Scope", **input):
        input = {"documentId": world.document, "name": name} | input
        return (await world.ask("editor", CREATE, input=input))["block"]

    return new


@pytest.fixture
def into(world):
    """Put a block into another as the editor; return the code when it is refused."""

    async def into(block, parent):
        read = await world.ask("editor", BLOCK, id=block["id"])
        to = {"parentId": parent and parent["id"]}
        return await world.code("editor", MOVE, id=block["id"], version=read["version"], to=to)

    return into


async def test_a_new_block_is_a_text_at_the_end(world, new):
    made = await new()
    editor = {"id": str(world.people["editor"])}
    expected = {
        "version": 1,
        "type": "text",
        "name": "Scope",
        "position": 2,
        "content": {},
        "externalId": None,
        "organizationId": str(world.organization),
        "projectId": str(world.project),
        "documentId": str(world.document),
        "parentId": None,
        "createdBy": editor,
        "updatedBy": editor,
    }
    assert made == {"id": made["id"]} | expected
    read = await world.ask("viewer", BLOCK, id=made["id"])
    assert read.items() >= made.items()
    assert (read["document"], read["parent"]) == ({"id": str(world.document)}, None)


async def test_everything_can_be_said_at_the_start(world, new):
    input = {
        "type": "table",
        "position": 0.5,
        "content": {"columns": [{"width": 80}]},
        "externalId": "B-1",
        "parentId": str(world.block),
    }
    made = await new(**input)
    assert made.items() >= input.items()
    assert (await world.ask("viewer", BLOCK, id=made["id"]))["parent"] == {"id": str(world.block)}


async def test_fields_that_are_sent_change_and_the_others_stay(world, new):
    made = await new(content={"text": "Hello"}, externalId="B-1", parentId=world.block)
    first = {"externalId": None}
    changed = await world.ask("editor", UPDATE, id=made["id"], version=1, input=first)
    kept = {"version": 2, "content": {"text": "Hello"}, "name": "Scope"}
    assert changed["block"].items() >= (first | kept).items()
    rest = {"name": "Aim", "type": "heading", "content": {}, "externalId": "B-2"}
    changed = await world.ask("admin", UPDATE, id=made["id"], version=2, input=rest)
    admin = {"id": str(world.people["admin"])}
    assert changed["block"].items() >= (rest | {"version": 3, "updatedBy": admin}).items()
    read = await world.ask("viewer", BLOCK, id=made["id"])
    assert read.items() >= changed["block"].items()


async def test_blocks_stand_in_their_order(world, new):
    for name, position in (("Third", 3), ("First", -1), ("Second", 2), ("Inner", 2.5)):
        await new(name, position=position)
    await new("Last")
    listed = (await world.ask("viewer", IN_DOCUMENT, id=world.document))["blocks"]
    names = ["First", f"Block {world.name}", "Second", "Inner", "Third", "Last"]
    assert listed == {"nodes": [{"name": name} for name in names], "totalCount": 6}


async def test_a_stale_version_is_refused(world):
    change = {"id": world.block, "version": 1, "input": {"name": "Aim"}}
    await world.ask("editor", UPDATE, **change)
    answer = await world.answer("editor", UPDATE, **change | {"input": {"name": "Scope"}})
    assert answer["errors"][0]["extensions"]["code"] == "CONFLICT"
    assert answer["errors"][0]["extensions"]["currentVersion"] == 2
    assert await world.code("editor", DELETE, id=world.block, version=1) == "CONFLICT"
    assert (await world.ask("viewer", BLOCK, id=world.block))["name"] == "Aim"


async def test_blocks_nest(world, new, into):
    outer, middle, inner = [await new(name) for name in ("Outer", "Middle", "Inner")]
    assert await into(middle, outer) is None
    assert await into(inner, middle) is None
    read = await world.ask("viewer", BLOCK, id=outer["id"])
    assert read["children"] == {"nodes": [{"name": "Middle"}], "totalCount": 1}
    assert await into(inner, outer) is None
    read = await world.ask("viewer", BLOCK, id=outer["id"])
    assert read["children"] == {"nodes": [{"name": "Middle"}, {"name": "Inner"}], "totalCount": 2}
    assert await into(middle, None) is None


async def test_a_block_does_not_stand_in_itself(new, into):
    outer, middle, inner = [await new(name) for name in ("Outer", "Middle", "Inner")]
    await into(middle, outer)
    await into(inner, middle)
    for block in (outer, middle, inner):
        assert await into(outer, block) == "INVALID"


async def test_two_blocks_that_move_into_each_other_at_once_make_no_circle(new, into):
    one, other = await new("One"), await new("Other")
    codes = await asyncio.gather(into(one, other), into(other, one))
    assert sorted(map(str, codes)) == ["INVALID", "None"]


async def test_a_parent_is_a_live_block_of_the_same_document(world, other_world, new, into):
    document = """mutation ($id: UUID!) { documentCreate(
        input: {projectId: $id, name: "Wheels", slug: "wheels"}) { document { id } } }"""
    wheels = (await world.ask("editor", document, id=world.project))["document"]
    elsewhere = await new(documentId=wheels["id"])
    gone = await new()
    await world.ask("editor", DELETE, id=gone["id"], version=1)
    block = await new()
    for parent, code in (
        (elsewhere["id"], "INVALID"),
        (gone["id"], "NOT_FOUND"),
        (other_world.block, "NOT_FOUND"),
        (world.requirement, "NOT_FOUND"),
    ):
        with pytest.raises(Refused) as refused:
            await new(parentId=parent)
        assert (refused.value.code, refused.value.field) == (code, ["input", "parentId"])
        assert await into(block, {"id": parent}) == code
    assert (await world.ask("viewer", BLOCK, id=block["id"]))["version"] == 1


async def test_a_deleted_block_can_be_restored_at_its_version(world, new):
    made = await new()
    await world.ask("editor", DELETE, id=made["id"], version=1)
    assert await world.code("viewer", BLOCK, id=made["id"]) == "NOT_FOUND"
    assert await world.code("editor", DELETE, id=made["id"], version=2) == "NOT_FOUND"
    assert await world.code("editor", RESTORE, id=made["id"], version=1) == "CONFLICT"
    restored = await world.ask("editor", RESTORE, id=made["id"], version=2)
    assert restored["block"] == {"id": made["id"], "version": 3}
    assert await world.code("editor", RESTORE, id=made["id"], version=3) == "NOT_FOUND"


async def test_a_block_needs_a_document_that_the_viewer_sees(other_world, world, new):
    for document in (other_world.document, world.project):
        with pytest.raises(Refused) as refused:
            await new(documentId=document)
        assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["input", "documentId"])


async def test_foreign_blocks_do_not_exist(world, other_world):
    theirs = {"id": other_world.block, "version": 1}
    assert await world.code("owner", UPDATE, **theirs, input={"name": "Ours"}) == "NOT_FOUND"
    assert await world.code("owner", DELETE, **theirs) == "NOT_FOUND"
