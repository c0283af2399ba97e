"""Fifty clients edit the same document while a change set is applied: nothing is lost."""

import asyncio

import pytest

from tests.requirements.proposals import APPLY, TREE, UPDATE, Proposal, updated

CLIENTS, ROWS = 50, 10
MANY = """mutation ($items: [RequirementCreateInput!]!) {
    requirementsCreate(items: $items) { results { requirement { id } } } }"""
MOVE = """mutation ($id: UUID!, $version: BigInt!) { requirementMove(id: $id,
    expectedVersion: $version, placeAt: { at: { end: START } }) { requirement { version } } }"""
RETRYABLE = {"BUSY", "TIMEOUT", "RATE_LIMITED"}


@pytest.mark.exhaustive
async def test_edits_and_an_application_at_the_same_time_are_all_kept(world):
    items = [{"documentId": world.document, "name": f"R{n}"} for n in range(ROWS)]
    made = await world.ask("editor", MANY, items=items)
    ids = [result["requirement"]["id"] for result in made["results"]]
    proposal = await Proposal.begin(world)
    place = {"at": {"end": "END"}}
    await proposal.edit(
        *(updated(id, 1, status="APPROVED", description="Ours") for id in ids),
        {"requirementMove": {"id": ids[0], "expectedVersion": 1, "placeAt": place}},
        {"requirementCreate": {"documentId": world.document, "name": "New"}},
    )
    await world.token("admin")

    async def client(number):
        id = ids[1 + number % (ROWS - 1)]
        if number % 5 == 0:
            answer = await world.answer("admin", MOVE, id=id, version=1)
        else:
            tags = {"tags": [f"tag {number}"]}
            answer = await world.answer("admin", UPDATE, id=id, version=1, input=tags)
        errors = answer.get("errors")
        code = errors[0]["extensions"]["code"] if errors else None
        assert code is None or code in RETRYABLE | {"CONFLICT"}, errors
        return id if number % 5 and code is None else None, f"tag {number}"

    edits = [asyncio.create_task(client(number)) for number in range(CLIENTS)]
    while (code := await world.code("editor", APPLY, id=proposal.id, version=2)) in RETRYABLE:
        pass  # a slow machine may not serve them all in time
    assert code is None
    done = await asyncio.gather(*edits)
    tree = await world.ask("editor", TREE.replace("status", "status tags"), id=world.document)
    rows = {row["id"]: row for row in tree["requirements"]["nodes"]}
    for id in ids:
        assert (rows[id]["status"], rows[id]["description"]) == ("APPROVED", "Ours")
    acknowledged = [(id, tag) for id, tag in done if id]
    assert acknowledged
    assert all(tag in rows[id]["tags"] for id, tag in acknowledged)
    assert "New" in {row["name"] for row in rows.values()}
