"""The reversal of applied change sets."""

import pytest

from tests.requirements.proposals import REVERSE, TREE, UPDATE, Proposal, updated

MANY = """mutation ($items: [RequirementCreateInput!]!) {
    requirementsCreate(items: $items) { results { requirement { id } } } }"""
BLOCK = """mutation ($input: BlockCreateInput!) { blockCreate(input: $input) { block { id } } }"""


@pytest.fixture
async def ids(world):
    block = await world.ask("editor", BLOCK, input={"documentId": world.document, "name": "B"})
    items = [
        {"documentId": world.document, "name": f"R{n}", "description": f"Text {n}."}
        for n in range(6)
    ]
    made = await world.ask("editor", MANY, items=items)
    return [result["requirement"]["id"] for result in made["results"]], block["block"]["id"]


async def reversed_(world, proposal):
    made = await world.ask("editor", REVERSE, id=proposal.id)
    return Proposal(world, made["changeSet"]["id"])


async def test_a_reversal_restores_everything(world, ids):
    (first, second, third, fourth, *_), block = ids
    before = await world.ask("editor", TREE, id=world.document)
    proposal = await Proposal.begin(world)

    def moved(id, **place):
        return {"requirementMove": {"id": id, "expectedVersion": 1, "placeAt": place}}

    await proposal.edit(
        updated(first, 1, name="Renamed", description=None, status="APPROVED"),
        moved(first, blockId=block, at={"end": "START"}),
        moved(second, at={"end": "END"}),
        {"requirementDelete": {"id": third, "expectedVersion": 1}},
        updated(fourth, 1, name="Fourth"),
        {"requirementCreate": {"documentId": world.document, "name": "New"}},
        {"blockCreate": {"documentId": world.document, "name": "New block"}},
    )
    await proposal.apply()
    assert await world.ask("editor", TREE, id=world.document) != before
    reversal = await reversed_(world, proposal)
    assert (await reversal.read())["reversesId"] == proposal.id
    await reversal.apply()
    assert await world.ask("editor", TREE, id=world.document) == before
    again = await reversed_(world, reversal)
    await again.apply()
    (row,) = [
        row
        for row in (await world.ask("editor", TREE, id=world.document))["requirements"]["nodes"]
        if row["id"] == first
    ]
    assert (row["name"], row["block"]) == ("Renamed", {"name": "B"})


async def test_what_others_have_changed_since_stays_or_is_in_conflict(world, ids):
    (first, second, *_), _ = ids
    proposal = await Proposal.begin(world)
    assert await world.code("editor", REVERSE, id=proposal.id) == "INVALID"
    await proposal.edit(
        updated(first, 1, name="Ours", status="APPROVED"), updated(second, 1, name="Ours")
    )
    await proposal.apply()
    theirs = {"name": "Theirs", "priority": "HIGH"}
    await world.ask("admin", UPDATE, id=first, version=2, input=theirs)
    await world.ask("admin", UPDATE, id=second, version=2, input={"priority": "HIGH"})
    reversal = await reversed_(world, proposal)
    items = {item["entityId"]: item for item in (await reversal.read())["items"]["nodes"]}
    (conflict,) = items[first]["conflicts"]
    assert conflict == {
        "field": "name",
        "path": ["name"],
        "base": "Ours",
        "current": "Theirs",
        "proposed": "R0",
    }
    assert items[second]["conflicts"] == []
    await reversal.resolve(items[first], "name", "CURRENT")
    await reversal.apply()
    tree = await world.ask("editor", TREE, id=world.document)
    rows = {row["id"]: row for row in tree["requirements"]["nodes"]}
    assert (rows[first]["name"], rows[first]["status"]) == ("Theirs", "DRAFT")
    assert rows[second]["name"] == "R1"
