"""Random changes of one diagram by several people: whatever their order, none is lost."""

from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.requirements.diagrams import flow, scene
from tests.requirements.drawing import READ, box, draw, node, patch

ELEMENTS = st.builds(
    lambda id, version, nonce, x, is_deleted: box(
        id, version=version, versionNonce=nonce, x=x, isDeleted=is_deleted
    ),
    st.sampled_from("123"),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(0, 3),
    st.booleans(),
)
PATCHES = st.lists(
    st.lists(ELEMENTS, max_size=3, unique_by=lambda element: element["id"]), max_size=4
)


def applied(patches):
    current = []
    for elements in patches:
        current = scene.merged(current, elements).elements
    return current


@given(PATCHES)
def test_patches_of_a_drawing_lead_to_the_same_in_any_order_and_applied_twice(given):
    patches = [scene.elements_of(elements, ()) for elements in given]
    result = applied(patches)
    for order in permutations(patches):
        assert applied([*order, *order[:1]]) == result


@given(PATCHES)
def test_of_each_element_the_newest_state_is_kept(given):
    patches = [scene.elements_of(elements, ()) for elements in given]
    result = {element["id"]: element for element in applied(patches)}
    sent = [element for elements in patches for element in elements]
    assert result.keys() == {element["id"] for element in sent}
    for id, kept in result.items():
        newest = min((-e["version"], e["versionNonce"]) for e in sent if e["id"] == id)
        assert (-kept["version"], kept["versionNonce"]) == newest


FIELDS = st.sampled_from(["label", "owner", "color"])


@st.composite
def people(draw):
    """Return a list of patches for each person: people add nodes and edges, and change fields.

    Nobody changes the same field of a node as another person, or a node that another one removes.
    """
    fields = draw(st.permutations(["label", "owner", "color"]))
    lists = []
    for person, name in enumerate(fields):
        own = f"p{person}"
        patches = [flow.Changes(added=[node(own)])]
        values = draw(st.lists(st.integers(0, 9), max_size=3))
        patches += [flow.Changes(changed=[{"id": "n", "data": {name: value}}]) for value in values]
        if draw(st.booleans()):
            patches.append(flow.Changes(changed=[{"id": own, "position": {"x": 7, "y": 7}}]))
        if draw(st.booleans()):
            patches.append(flow.Changes(removed=[own]))
        lists.append(patches)
    return lists


@given(people(), st.randoms(use_true_random=False))
def test_people_who_change_different_fields_lose_nothing_in_any_interleaving(lists, random):
    def run(order):
        nodes, edges = [node("n", data={})], []
        for changes in order:
            result = flow.merged(nodes, edges, changes, flow.Changes(), ())
            assert result.skipped == []
            nodes = result.nodes
        return {part["id"]: part for part in nodes}

    expected = run([changes for patches in lists for changes in patches])
    waiting = [[*patches] for patches in lists]
    interleaved = []
    while any(waiting):
        interleaved.append(random.choice([one for one in waiting if one]).pop(0))
    assert run(interleaved) == expected


@given(st.permutations(range(4)))
def test_edges_and_the_removal_of_their_ends_lead_to_the_same_in_any_order(order):
    none = flow.Changes()
    steps = [
        (flow.Changes(removed=["b"]), none),
        (none, flow.Changes(added=[{"id": "e", "source": "a", "target": "b"}])),
        (flow.Changes(changed=[{"id": "c", "parentId": "b"}]), none),
        (flow.Changes(changed=[{"id": "b", "position": {"x": 1, "y": 1}}]), none),
    ]
    nodes, edges = [node("a"), node("b"), node("c")], []
    for index in order:
        result = flow.merged(nodes, edges, *steps[index], ())
        nodes, edges = result.nodes, result.edges
    assert (nodes, edges) == ([node("a"), node("c")], [])


@pytest.mark.exhaustive
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(PATCHES)
async def test_the_api_merges_as_the_rule_says(world, patches):
    drawing = await draw(world)
    for elements in patches:
        await patch(world, drawing["id"], *elements)
    read = await world.ask("viewer", READ, id=drawing["id"])
    living = [
        element
        for element in applied([scene.elements_of(elements, ()) for elements in patches])
        if not element["isDeleted"]
    ]
    assert read["diagramData"]["elements"] == living
