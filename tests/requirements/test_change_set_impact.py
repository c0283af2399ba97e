"""The impact of a change set is what applying it does."""

import random
from collections import defaultdict
from itertools import combinations

import pytest

from tests.requirements.linking import BULK, elsewhere, link, requirements
from tests.requirements.proposals import WITHDRAW, Proposal
from tests.requirements.verifying import case, record

PAGE = "totalCount nodes { id }"
IMPACT = f"""query ($id: UUID!, $depth: Int! = 100, $first: Int = 100) {{
  changeSet(id: $id) {{ impact {{ changedCount deletedCount
    suspectLinks(first: $first) {{ {PAGE} pageInfo {{ hasNextPage endCursor }} }}
    detachedLinks(first: 100) {{ {PAGE} }}
    staleExecutions(first: 100) {{ {PAGE} }} staleTestCases(first: 100) {{ {PAGE} }}
    reached(depth: $depth) {{ totalCount counts {{ entityType depth count }}
      items(first: 100) {{ nodes {{ entityId depth }} }} }} }} }} }}"""
STATE = """query ($project: UUID!) { project(id: $project) {
    traceLinks(first: 100) { nodes { id suspect linkType
      source { state entityId } target { state entityId } } }
    testExecutions(first: 100) { nodes { id stale testCase { id } } } } }"""
BLOCK = """mutation ($input: BlockCreateInput!) { blockCreate(input: $input) { block { id } } }"""


async def impact(world, proposal, by="viewer", **arguments):
    return (await world.ask(by, IMPACT, id=proposal.id, **arguments))["impact"]


def ids(found):
    return {node["id"] for node in found["nodes"]}


async def state(world):
    """Return suspect links, links with a deleted end, stale executions, and their test cases."""
    now = await world.ask("viewer", STATE, project=world.project)
    links, runs = now["traceLinks"]["nodes"], now["testExecutions"]["nodes"]
    detached = {
        one["id"] for one in links if "DELETED" in (one["source"]["state"], one["target"]["state"])
    }
    stale = {one["id"]: one["testCase"]["id"] for one in runs if one["stale"]}
    return {one["id"] for one in links if one["suspect"]}, detached, stale, links


def downstream(links, starts):
    """Return the objects that are reached by links with a direction, besides the starts."""
    after = defaultdict(set)
    for one in links:
        if one["linkType"] != "RELATES_TO":
            after[one["target"]["entityId"]].add(one["source"]["entityId"])
    found, near = set(starts), set(starts)
    while near:
        near = {next_ for id in near for next_ in after[id]} - found
        found |= near
    return found - set(starts)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_the_impact_is_what_applying_does(world, seed):
    chance = random.Random(seed)
    block = await world.ask("editor", BLOCK, input={"documentId": world.document, "name": "B"})
    block = block["block"]["id"]
    nodes = await requirements(world, 10)
    pairs = chance.sample(list(combinations(nodes, 2)), 14)
    items = [
        {
            "sourceId": target,
            "targetId": source,
            "linkType": chance.choice(["DERIVED_FROM", "REFINES", "RELATES_TO"]),
        }
        for source, target in pairs
    ]
    assert (await world.ask("owner", BULK, items=items))["failed"] == 0
    tested = [await case(world), await case(world)]
    for id in chance.sample(nodes, 6):
        await record(world, chance.choice(tested), "PASS", requirementId=id)
    proposal = await Proposal.begin(world)
    about = {"expectedVersion": 1}
    chosen = chance.sample(nodes, 7)
    inside = {"requirementMove": {"id": chosen[0], **about, "placeAt": {"blockId": block}}}
    before_ = await Proposal.begin(world)
    await before_.edit(inside)
    await before_.apply()
    changed, moved, tagged, deleted = chosen[1:4], chosen[4], chosen[5], chosen[6]
    links = (await state(world))[3]
    removed = chance.choice([one["id"] for one in links])
    await proposal.edit(
        *(
            {"requirementUpdate": {"id": id, **about, "input": {field: "Changed"}}}
            for id, field in zip(
                changed, ("name", "description", "originalRequirement"), strict=True
            )
        ),
        {
            "requirementUpdate": {
                "id": tagged,
                **about,
                "input": {"tags": ["a"], "status": "APPROVED"},
            }
        },
        {"requirementMove": {"id": moved, **about, "placeAt": {"at": {"end": "START"}}}},
        {"requirementDelete": {"id": deleted, **about}},
        {"blockDelete": {"id": block, **about}},  # with the first of those chosen
        {"traceLinkDelete": {"id": removed, **about}},
        {"requirementCreate": {"documentId": world.document, "name": "New"}},
    )
    before = await state(world)
    found = await impact(world, proposal)
    await proposal.apply()
    after = await state(world)
    assert ids(found["suspectLinks"]) == after[0] - before[0]
    assert ids(found["detachedLinks"]) == after[1] - before[1]
    assert ids(found["staleExecutions"]) == after[2].keys() - before[2].keys()
    assert ids(found["staleTestCases"]) == {after[2][id] for id in ids(found["staleExecutions"])}
    assert (found["changedCount"], found["deletedCount"]) == (3, 3)
    starts = {*changed, deleted, chosen[0]}
    reached = {node["entityId"] for node in found["reached"]["items"]["nodes"]}
    assert reached == downstream(before[3], starts)
    assert (await world.ask("viewer", IMPACT, id=proposal.id))["impact"] is None


async def test_the_impact_is_paged_and_shows_what_the_viewer_can_read(world):
    first, *others = await requirements(world, 4)
    links = [await link(world, other, first, linkType="REFINES") for other in others]
    _, document = await elsewhere(world)
    (far,) = await requirements(world, 1, document)
    await link(world, far, others[0], "owner", linkType="REFINES")
    proposal = await Proposal.begin(world)
    await proposal.edit(
        {"requirementUpdate": {"id": first, "expectedVersion": 1, "input": {"name": "Changed"}}},
        {"traceLinkCreate": {"sourceId": first, "targetId": far}},
    )
    page = await impact(world, proposal, first=2)
    assert page["suspectLinks"]["totalCount"] == 3
    assert ids(page["suspectLinks"]) == {one["id"] for one in links[:2]}
    assert page["suspectLinks"]["pageInfo"]["hasNextPage"]
    assert {node["entityId"] for node in page["reached"]["items"]["nodes"]} == {*others, far}
    assert (await impact(world, proposal, depth=1))["reached"]["totalCount"] == 3
    near = await impact(world, proposal, "project_viewer")
    assert near["reached"]["totalCount"] == 3
    assert await world.code("viewer", IMPACT, id=proposal.id, depth=0) == "INVALID"
    version = (await proposal.read())["version"]
    await world.ask("editor", WITHDRAW, id=proposal.id, version=version)
    assert await impact(world, proposal) is None
