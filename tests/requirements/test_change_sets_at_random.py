"""Random proposals and changes of others: conflicts are overlaps, and reversals restore."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.requirements.proposals import REVERSE, UPDATE, Proposal, updated

CREATE = """mutation ($input: RequirementCreateInput!) {
    requirementCreate(input: $input) { requirement { id } } }"""
READ = """query ($id: UUID!) { requirement(id: $id) {
    version name description status priority externalId } }"""
BASE = {
    "name": "Base",
    "description": None,
    "status": "DRAFT",
    "priority": "MEDIUM",
    "externalId": None,
}
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["Base", "One", "Two"]),
        "description": st.sampled_from([None, "one", "two"]),
        "status": st.sampled_from(["DRAFT", "APPROVED", "IN_REVIEW"]),
        "priority": st.sampled_from(["MEDIUM", "LOW"]),
    },
)


@pytest.mark.exhaustive
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ours=VALUES, theirs=VALUES, later=VALUES)
async def test_conflicts_are_overlaps_and_reversals_restore(world, ours, theirs, later):
    input = {"documentId": world.document, "name": "Base"}
    made = await world.ask("editor", CREATE, input=input)
    id = made["requirement"]["id"]

    async def values():
        read = await world.ask("editor", READ, id=id)
        return read.pop("version"), read

    async def change(input):
        version, _ = await values()
        if input:
            await world.ask("admin", UPDATE, id=id, version=version, input=input)
        return (await values())[1]

    proposal = await Proposal.begin(world)
    ours = {name: value for name, value in ours.items() if value != BASE[name]}
    if not ours:
        return
    await proposal.edit(updated(id, 1, **ours))
    now = await change(theirs)
    overlaps = {n for n, value in ours.items() if now[n] not in (BASE[n], value)}
    item = await proposal.item()
    assert {conflict["field"] for conflict in item["conflicts"]} == overlaps
    for name in sorted(overlaps):
        (item,) = (await proposal.resolve(item, name, "PROPOSED"))["items"]
    await proposal.apply()
    _, applied = await values()
    assert applied == now | ours

    after = await change(later)
    reversal = await world.ask("editor", REVERSE, id=proposal.id)
    back = Proposal(world, reversal["changeSet"]["id"])
    changed = {name for name in ours if now[name] != ours[name]}
    items = (await back.read())["items"]["nodes"]
    assert len(items) == bool(changed)
    if changed:
        overlaps = {name for name in changed if after[name] not in (ours[name], now[name])}
        assert {conflict["field"] for conflict in items[0]["conflicts"]} == overlaps
        (item,) = items
        for name in sorted(overlaps):
            (item,) = (await back.resolve(item, name, "PROPOSED"))["items"]
        await back.apply()
    assert (await values())[1] == after | {name: now[name] for name in changed}
