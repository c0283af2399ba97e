"""A document read as a change set would leave it."""

import pytest

from tests.requirements.proposals import PROPOSED, TREE, UPDATE, WITHDRAW, Proposal, updated

BLOCK = """mutation ($input: BlockCreateInput!) { blockCreate(input: $input) { block { id } } }"""
MANY = """mutation ($items: [RequirementCreateInput!]!) {
    requirementsCreate(items: $items) { results { requirement { id } } } }"""


async def shelf(world):
    """Return the IDs of a document's requirements, in and beside a block, and of the block."""
    inside = {"documentId": world.document, "name": "Block"}
    block = (await world.ask("editor", BLOCK, input=inside))["block"]["id"]
    items = [
        {"documentId": world.document, "name": f"R{n}", "blockId": block if n % 2 else None}
        for n in range(6)
    ]
    made = await world.ask("editor", MANY, items=items)
    return [result["requirement"]["id"] for result in made["results"]], block


def content(tree):
    """Return what the tree shows, in order, without positions."""
    rows = tree["requirements"]["nodes"]
    return (
        tree["name"],
        [(row["name"], row["description"], row["status"], row["block"]) for row in rows],
        [(block["name"], block["parent"]) for block in tree["blocks"]["nodes"]],
    )


@pytest.mark.slow
async def test_a_document_reads_as_applying_the_change_set_leaves_it(world):
    (first, second, third, fourth, fifth, _), block = await shelf(world)
    proposal = await Proposal.begin(world)
    about = {"expectedVersion": 1}
    (new, document) = await proposal.edit(
        {"blockCreate": {"documentId": world.document, "name": "New block", "parentId": block}},
        {"documentCreate": {"name": "Other", "slug": "other"}},
    )
    within = {"documentId": world.document, "blockId": new["entityId"]}
    await proposal.edit(
        {"documentUpdate": {"id": world.document, **about, "input": {"name": "Renamed"}}},
        {"requirementCreate": {**within, "name": "New", "status": "APPROVED"}},
        updated(first, 1, name="First", description="Ours"),
        {"requirementMove": {"id": second, **about, "placeAt": {"at": {"end": "START"}}}},
        {"requirementMove": {"id": first, **about, "placeAt": {"at": {"after": fifth}}}},
        {"requirementDelete": {"id": third, **about}},
        {"requirementMove": {"id": fourth, **about, "placeAt": {"blockId": new["entityId"]}}},
    )
    await world.ask("admin", UPDATE, id=first, version=1, input={"status": "IN_REVIEW"})
    before = await world.ask("viewer", TREE, id=world.document)
    proposed = await world.ask("viewer", PROPOSED, id=world.document, set=proposal.id)
    elsewhere = await world.ask("viewer", PROPOSED, id=document["entityId"], set=proposal.id)
    assert await world.ask("viewer", TREE, id=world.document) == before
    assert content(proposed) != content(before)
    for person in ("outsider", "member", "document_editor"):
        arguments = {"id": world.document, "set": proposal.id}
        assert await world.code(person, PROPOSED, **arguments) == "NOT_FOUND"
    await proposal.apply()
    after = await world.ask("viewer", TREE, id=world.document)
    assert content(proposed) == content(after)
    assert elsewhere["name"] == "Other"
    assert await world.code("viewer", PROPOSED, id=world.document, set=proposal.id) == "INVALID"


async def test_a_deleted_block_hides_its_contents_and_a_moved_one_takes_them_along(world):
    _, block = await shelf(world)
    deletion, move = await Proposal.begin(world), await Proposal.begin(world)
    about = {"id": block, "expectedVersion": 1}
    await deletion.edit({"blockDelete": about})
    (other,) = await move.edit({"documentCreate": {"name": "Other", "slug": "other"}})
    await move.edit({"blockMove": {**about, "placeAt": {"documentId": other["entityId"]}}})
    trees = []
    for proposal, document in (
        (deletion, world.document),
        (move, world.document),
        (move, other["entityId"]),
    ):
        tree = await world.ask("viewer", PROPOSED, id=document, set=proposal.id)
        trees.append({row["name"] for row in tree["requirements"]["nodes"]} & {"R0", "R1", "R3"})
    assert trees == [{"R0"}, {"R0"}, {"R1", "R3"}]
    await move.apply()
    version = (await deletion.read())["version"]
    await world.ask("editor", WITHDRAW, id=deletion.id, version=version)
    applied = await world.ask("viewer", TREE, id=other["entityId"])
    assert content(applied) == content(tree)
