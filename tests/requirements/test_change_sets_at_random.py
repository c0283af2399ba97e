"""Random proposals and changes of others: conflicts are overlaps, and reversals restore.

What is proposed of trace links reads as applying it leaves them.
"""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.requirements.linking import link
from tests.requirements.proposals import EDIT, REVERSE, UPDATE, Proposal, updated

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


REMOVE = """mutation ($id: UUID!) { requirementDelete(id: $id, expectedVersion: 1) {
    requirement { id } } }"""
ALL = """query ($document: UUID!) { document(id: $document) { requirements(first: 100) {
    nodes { id outgoingLinks { nodes { linkType target { node { id } } } } } } } }"""
ALL_PROPOSED = ALL.replace("($document: UUID!)", "($document: UUID!, $set: UUID!)").replace(
    "(id: $document)", "(id: $document, changeSet: $set)"
)
VERBS = st.lists(
    st.tuples(
        st.sampled_from(["create", "update", "delete"]),
        st.integers(0, 5),
        st.integers(0, 5),
        st.sampled_from(["REFINES", "SATISFIES"]),
    ),
    min_size=1,
    max_size=6,
)


MANY = """mutation ($items: [RequirementCreateInput!]!) {
    requirementsCreate(items: $items) { results { requirement { id } } } }"""


async def proposed_links(proposal, ids, links, verbs):
    """Propose these changes of links; those of a link after its deletion are left out."""
    gone, about = set(), {"expectedVersion": 1}
    for verb, first, second, type_ in verbs:
        one = links[first % len(links)]["id"]
        ends = {"sourceId": ids[first], "targetId": ids[second], "linkType": type_}
        edit = {
            "create": {"traceLinkCreate": ends},
            "update": {"traceLinkUpdate": {"id": one, **about, "input": {"linkType": type_}}},
            "delete": {"traceLinkDelete": {"id": one, **about}},
        }[verb]
        if verb == "create" or one not in gone:
            # A link that is there already, or that joins an object with itself, is refused.
            await proposal.world.answer("editor", EDIT, id=proposal.id, items=[edit])
        if verb == "delete":
            gone.add(one)


async def without_conflicts(proposal):
    """Drop new links whose ends are gone; return the number of items that are left."""
    for item in (await proposal.read())["items"]["nodes"]:
        if item["conflicts"]:
            assert item["action"] == "CREATE"
            await proposal.resolve(item, item["conflicts"][0]["field"], "CURRENT")
    return (await proposal.read())["items"]["totalCount"]


@pytest.mark.exhaustive
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(verbs=VERBS, removed=st.sets(st.integers(0, 5), max_size=2))
async def test_links_read_as_applying_leaves_them_and_reversals_restore_them(world, verbs, removed):
    items = [{"documentId": world.document, "name": f"R{number}"} for number in range(6)]
    made = await world.ask("editor", MANY, items=items)
    ids = [result["requirement"]["id"] for result in made["results"]]
    links = [await link(world, *pair) for pair in pairwise(ids)]
    proposal = await Proposal.begin(world)
    await proposed_links(proposal, ids, links, verbs)

    async def state(query=ALL, **more):
        found = await world.ask("editor", query, document=world.document, **more)
        return sorted(
            (row["id"], one["linkType"], (one["target"]["node"] or {"id": ""})["id"])
            for row in found["requirements"]["nodes"]
            for one in row["outgoingLinks"]["nodes"]
        )

    for index in removed:  # others delete objects meanwhile
        await world.ask("admin", REMOVE, id=ids[index])
    before, preview = await state(), await state(ALL_PROPOSED, set=proposal.id)
    if await without_conflicts(proposal):
        await proposal.apply()
        assert await state() == preview
        reversal = await world.ask("editor", REVERSE, id=proposal.id)
        back = Proposal(world, reversal["changeSet"]["id"])
        if (await back.read())["items"]["totalCount"]:
            await back.apply()
    assert await state() == before
