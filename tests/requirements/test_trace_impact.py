"""Impact and cycles: what is reached by links, each object once, and nothing through the hidden."""

import random
from itertools import pairwise

from graph.requirements.cycles import components, graph_of, shortest_cycle
from tests.requirements.linking import BULK, elsewhere, link, requirements

IMPACT = """query ($id: ID!, $direction: TraceDirection! = DOWNSTREAM, $types: [TraceLinkType!],
    $depth: Int! = 100, $first: Int, $after: String) {
  node(id: $id) { ... on Linkable { impact(
      direction: $direction, linkTypes: $types, depth: $depth) {
    totalCount depth truncated counts { entityType depth count }
    items(first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
      nodes { depth entityType entityId node { id } link { id }
        path { entityId linkId } } } } } } }"""
CYCLES = """query ($id: UUID!, $types: [TraceLinkType!]) { project(id: $id) {
  traceCycles(linkTypes: $types) { totalCount nodes { size objects { entityId node { id } }
    path { entityId link { id } } } } } }"""


async def impact(world, id, by="viewer", **arguments):
    return (await world.ask(by, IMPACT, id=id, **arguments))["impact"]


async def chain(world, ids, link_type="DERIVED_FROM"):
    """Link each of the objects to the one before it."""
    items = [
        {"sourceId": source, "targetId": target, "linkType": link_type}
        for target, source in pairwise(ids)
    ]
    answer = await world.ask("owner", BULK, items=items)
    assert answer["failed"] == 0
    return [result["traceLink"]["id"] for result in answer["results"]]


def reached(found):
    return {node["entityId"]: node["depth"] for node in found["items"]["nodes"]}


async def test_each_object_is_reached_once_by_a_shortest_path_in_either_direction(world):
    a, b, c, d, e = await requirements(world, 5)
    links = await chain(world, [a, b, c, d])
    links += await chain(world, [d, a])  # which makes a cycle
    short = await link(world, a, c, linkType="PARENT_OF")
    await link(world, e, a, linkType="RELATES_TO")
    found = await impact(world, a)
    assert reached(found) == {b: 1, c: 1, d: 2}
    assert (found["totalCount"], found["depth"], found["truncated"]) == (3, 2, False)
    assert found["counts"] == [
        {"entityType": "REQUIREMENT", "depth": 1, "count": 2},
        {"entityType": "REQUIREMENT", "depth": 2, "count": 1},
    ]
    last = found["items"]["nodes"][-1]
    assert last["path"] == [
        {"entityId": c, "linkId": short["id"]},
        {"entityId": d, "linkId": links[2]},
    ]
    assert (last["node"], last["link"]) == ({"id": d}, {"id": links[2]})
    assert reached(await impact(world, a, direction="UPSTREAM")) == {d: 1, c: 2, b: 3}
    assert reached(await impact(world, a, depth=1)) == {b: 1, c: 1}
    assert reached(await impact(world, a, types=["RELATES_TO"])) == {e: 1}
    page = await impact(world, a, first=2)
    after = page["items"]["pageInfo"]["endCursor"]
    rest = await impact(world, a, after=after)
    assert reached(page) | reached(rest) == {b: 1, c: 1, d: 2}
    assert [node["entityId"] for node in rest["items"]["nodes"]] == [d]
    assert await world.code("viewer", IMPACT, id=a, depth=101) == "INVALID"


async def test_what_is_hidden_or_deleted_is_neither_reached_nor_leads_further(world):
    _, there = await elsewhere(world)
    (far,) = await requirements(world, 1, there)
    near, behind, gone, beyond = await requirements(world, 4)
    await chain(world, [near, far, behind])
    await chain(world, [near, gone, beyond])
    await world.superuser.execute(
        "UPDATE requirements SET deleted_at = now() WHERE id = $1::text::uuid", gone
    )
    assert reached(await impact(world, near)) == {far: 1, behind: 2}
    assert (await impact(world, near, "project_viewer"))["totalCount"] == 0


async def test_cycles_are_listed_exactly(world):
    ids = await requirements(world, 12)
    links = await chain(world, [*ids[:9], ids[0]])
    await chain(world, [ids[9], ids[10], ids[9]], "DEPENDS_ON")
    await chain(world, [ids[0], ids[11]])
    await chain(world, [ids[8], ids[11], ids[10]], "RELATES_TO")
    found = (await world.ask("viewer", CYCLES, id=world.project))["traceCycles"]
    assert found["totalCount"] == 2
    large, small = found["nodes"]
    assert (large["size"], small["size"]) == (9, 2)
    assert {each["entityId"] for each in large["objects"]} == set(ids[:9])
    assert all(each["node"]["id"] == each["entityId"] for each in large["objects"])
    assert {each["entityId"] for each in large["path"]} == set(ids[:9])
    assert {each["link"]["id"] for each in large["path"]} == set(links)
    only = await world.ask("viewer", CYCLES, id=world.project, types=["DEPENDS_ON"])
    assert [each["size"] for each in only["traceCycles"]["nodes"]] == [2]
    await world.superuser.execute(
        "UPDATE requirements SET deleted_at = now() WHERE id = $1::text::uuid", ids[4]
    )
    found = (await world.ask("viewer", CYCLES, id=world.project))["traceCycles"]
    assert [each["size"] for each in found["nodes"]] == [2]
    assert await world.code("viewer", CYCLES, id=world.project, types=["RELATES_TO"]) == "INVALID"


def test_components_are_those_of_a_plain_search():
    chance = random.Random(7)
    for _ in range(100):
        edges = [(chance.randrange(12), chance.randrange(12)) for _ in range(chance.randrange(24))]
        graph = graph_of(edge for edge in edges if edge[0] != edge[1])

        def beyond(start, graph=graph):
            found, near = set(), {start}
            while near:
                near = {next_ for node in near for next_ in graph.get(node, ())} - found
                found |= near
            return found

        after = {node: beyond(node) for node in range(12)}
        expected = {
            frozenset(other for other in range(12) if other in after[node] and node in after[other])
            for node in range(12)
            if node in after[node]
        }
        assert {frozenset(component) for component in components(graph)} == expected
        for component in components(graph):
            cycle = shortest_cycle(graph, component)
            assert cycle[0] == component[0]
            pairs = zip(cycle, [*cycle[1:], cycle[0]], strict=True)
            assert all(target in graph[source] for source, target in pairs)
