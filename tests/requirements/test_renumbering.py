"""A gap without room is renumbered with its neighbourhood, which is no one's edit."""

from itertools import pairwise

import pytest

UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        merged mergedVersions requirement { version name } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementDelete(id: $id, expectedVersion: $version) { requirement { version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementRestore(id: $id, expectedVersion: $version) { requirement { version } } }"""
GAP = 1e-9


@pytest.fixture
async def tight(shelf):
    """Return a document in which nothing fits between A and B, and Z is far away."""
    tight = await shelf()
    await tight.add_requirements("A", position=1)
    await tight.add_requirements("B", position=1 + GAP)
    await tight.add_requirements("C", position=2)
    await tight.add_requirements("D", position=3)
    await tight.add_requirements("Z", position=1e6)
    return tight


@pytest.mark.slow
async def test_only_what_is_near_is_renumbered_and_that_is_recorded_as_such(world, tight):
    for number in range(20):
        await tight.add_requirements(f"{number}", position=100 + number)
    await tight.move_requirement("Z", after=tight.ids["A"])
    nodes = await tight.listed()
    assert [node["name"] for node in nodes[:4]] == ["A", "Z", "B", "C"]
    versions = {node["name"]: node["version"] for node in nodes}
    assert {versions[str(number)] for number in range(8, 20)} == {1}
    (change,) = await world.records(tight.ids["B"])
    assert (change["changed_fields"], change["details"]) == (["position"], '{"renumbered": true}')
    assert change["actor_id"] == world.people["editor"]
    (change,) = await world.records(tight.ids["Z"])
    assert change["details"] == "{}"
    (b,) = [node for node in nodes if node["name"] == "B"]
    assert (b["version"], b["updatedBy"]) == (2, None)


@pytest.mark.slow
async def test_who_has_seen_the_version_before_moves_on(world, tight):
    await tight.move_requirement("Z", after=tight.ids["A"])
    moved = await tight.move_requirement("B", last=True)
    assert (moved["merged"], moved["row"]["version"]) == (False, 3)
    assert await tight.order() == "AZCDB"
    change = {"id": tight.ids["C"], "version": 1, "input": {"name": "c"}}
    answer = await world.ask("admin", UPDATE, **change)
    assert (answer["merged"], answer["mergedVersions"]) == (False, [])
    deleted = await world.ask("admin", DELETE, id=tight.ids["D"], version=1)
    assert deleted["requirement"]["version"] == 3


async def test_what_people_have_done_besides_still_counts(world, tight):
    await tight.move_requirement("B", last=True)
    await tight.move_requirement("B", 2, after=tight.ids["A"])
    await tight.move_requirement("C", first=True)
    move = {"id": tight.ids["B"], "version": 1, "input": {"name": "b"}}
    answer = await world.ask("admin", UPDATE, **move)
    assert (answer["merged"], answer["mergedVersions"]) == (True, [2, 3])
    with pytest.raises(Exception, match="CONFLICT"):
        await tight.move_requirement("B", 1, last=True)


async def test_a_deleted_requirement_keeps_its_place(world, tight):
    deleted = await world.ask("editor", DELETE, id=tight.ids["B"], version=1)
    await tight.move_requirement("Z", after=tight.ids["A"])
    (_, renumbering) = await world.records(tight.ids["B"])
    assert renumbering["details"] == '{"renumbered": true}'
    back = {"id": tight.ids["B"], "version": deleted["requirement"]["version"]}
    restored = await world.ask("editor", RESTORE, **back)
    assert restored["requirement"]["version"] == 4
    assert await tight.order() == "AZBCD"


@pytest.mark.exhaustive
async def test_one_place_is_moved_to_two_hundred_times(tight):
    versions = dict.fromkeys("CZ", 1)  # never those of renumberings
    for number in range(200):
        name = "CZ"[number % 2]
        to = {"first": True} if number % 20 > 17 else {"after": tight.ids["A"]}
        moved = await tight.move_requirement(name, versions[name], **to)
        versions[name] = moved["row"]["version"]
        if number % 10 == 9:
            nodes = await tight.listed()
            gaps = [right["position"] - left["position"] for left, right in pairwise(nodes)]
            assert min(gaps) >= GAP
    assert await tight.order() == "ZCABD"
