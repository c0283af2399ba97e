"""Custom fields and tags: each key and each word is merged, set and removed by itself."""

import pytest

from tests.loop import BUSY, watched
from tests.world import Refused

UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        merged requirement { version properties tags } } }"""
BULK = """mutation ($items: [RequirementsUpdateItemInput!]!) {
    requirementsUpdate(items: $items, onError: CONTINUE) { results {
        requirement { properties } error { code field conflicts { field path base current yours } }
    } } }"""
START = {"Owner": "A", "Sprint": "1", "Test": {"bench": 1, "rig": {"x": 1, "y": [1, 2]}}}


@pytest.fixture
async def update(world):
    """Return changes of the requirement, which starts with some properties at version 2."""

    async def update(version, **input):
        change = {"id": world.requirement, "version": version, "input": input}
        return await world.ask("editor", UPDATE, **change)

    await update(1, properties=START, tags=["a", "b"])
    return update


async def refused(attempt):
    with pytest.raises(Refused) as refusal:
        await attempt
    return refusal.value


async def test_two_people_set_two_custom_fields(update):
    await update(2, properties=START | {"Owner": "B"})
    answer = await update(2, properties=START | {"Sprint": "2"})
    assert answer["merged"]
    assert answer["requirement"]["properties"] == START | {"Owner": "B", "Sprint": "2"}


async def test_objects_within_are_merged_and_lists_are_one_value(update):
    await update(2, properties=START | {"Test": {"bench": 2, "rig": {"x": 1, "y": [1, 2]}}})
    rig = START | {"Test": {"bench": 1, "rig": {"x": 1, "y": [1, 3]}, "new": None}}
    answer = await update(2, properties=rig)
    test = {"bench": 2, "rig": {"x": 1, "y": [1, 3]}, "new": None}
    assert answer["requirement"]["properties"] == START | {"Test": test}


async def test_a_conflict_names_the_keys_that_lead_to_it(update):
    await update(2, properties=START | {"Test": {"bench": 1, "rig": {"x": 2, "y": [1]}}})
    mine = {"Owner": "C", "Sprint": "1", "Test": {"bench": 1, "rig": {"x": 3, "y": [1, 2]}}}
    found = await refused(update(2, properties=mine))
    (conflict,) = found.errors[0]["extensions"]["conflicts"]
    assert conflict["field"] == "properties"
    assert conflict["path"] == ["properties", "Test", "rig", "x"]
    assert (conflict["base"], conflict["current"], conflict["yours"]) == (1, 2, 3)


async def test_a_key_that_one_removes_and_another_changes_is_a_conflict(update):
    await update(2, propertiesPatch={"Owner": None})
    found = await refused(update(2, properties=START | {"Owner": "B"}))
    (conflict,) = found.errors[0]["extensions"]["conflicts"]
    assert conflict["path"] == ["properties", "Owner"]
    assert (conflict["base"], conflict["current"], conflict["yours"]) == ("A", None, "B")
    answer = await update(2, propertiesPatch={"Owner": None, "Sprint": "2"})
    assert answer["requirement"]["properties"] == {"Sprint": "2", "Test": START["Test"]}


async def test_one_key_is_set_or_removed_alone(update):
    answer = await update(2, propertiesPatch={"Owner": "B"})
    assert answer["requirement"]["properties"] == START | {"Owner": "B"}
    answer = await update(3, propertiesPatch={"Sprint": None, "Test": {"rig": {"x": None}}})
    test = {"bench": 1, "rig": {"y": [1, 2]}}
    assert answer["requirement"]["properties"] == {"Owner": "B", "Test": test}


async def test_a_patch_is_merged_with_what_others_have_changed(update):
    await update(2, properties={"Owner": "B"})
    answer = await update(2, propertiesPatch={"Due": {"on": "2027-01-01"}})
    assert answer["merged"]
    assert answer["requirement"]["properties"] == {"Owner": "B", "Due": {"on": "2027-01-01"}}
    found = await refused(update(2, propertiesPatch={"Owner": "C"}))
    assert found.code == "CONFLICT"
    assert found.errors[0]["extensions"]["conflicts"][0]["path"] == ["properties", "Owner"]


async def test_a_patch_is_an_object_and_stands_alone(update):
    for patch in ([1], "x", 3):
        found = await refused(update(2, propertiesPatch=patch))
        assert (found.code, found.field) == ("INVALID", ["input", "propertiesPatch"])
    found = await refused(update(2, properties={}, propertiesPatch={}))
    assert (found.code, found.field) == ("INVALID", ["input", "propertiesPatch"])


async def test_patches_do_not_add_up_to_more_than_one_request_can_send(update):
    await update(2, properties={"a": "x" * 600_000})
    found = await refused(update(3, propertiesPatch={"b": "x" * 600_000}))
    assert (found.code, found.field) == ("INVALID", ["input", "propertiesPatch"])


async def test_tags_are_a_set(update):
    await update(2, tags=["a", "b", "c"])
    await update(3, tags=["c", "d", "a"])
    answer = await update(2, tags=["a", "b", "e"])
    assert answer["requirement"]["tags"] == ["c", "d", "a", "e"]


async def test_true_is_not_one(update):
    await update(2, properties={"a": 1, "b": [0]})
    answer = await update(3, properties={"a": True, "b": [False]})
    assert answer["requirement"]["version"] == 4
    await update(4, propertiesPatch={"a": 1})
    found = await refused(update(4, propertiesPatch={"a": False}))
    assert found.code == "CONFLICT"


async def test_many_are_merged_and_patched_as_one_is(world, update):
    await update(2, properties=START | {"Owner": "B"})
    change = {"id": world.requirement, "expectedVersion": 2}
    patched = [change | {"input": {"propertiesPatch": {"Owner": "C"}}}]
    (result,) = (await world.ask("editor", BULK, items=patched))["results"]
    assert result["error"]["code"] == "CONFLICT"
    overlap = {"path": ["properties", "Owner"], "base": "A", "current": "B", "yours": "C"}
    assert result["error"]["conflicts"] == [overlap | {"field": "properties"}]
    patched = [change | {"input": {"propertiesPatch": {"Sprint": None}}}]
    (result,) = (await world.ask("editor", BULK, items=patched))["results"]
    assert result["requirement"]["properties"] == {"Owner": "B", "Test": START["Test"]}
    patched = [change | {"input": {"propertiesPatch": [1]}}]
    (result,) = (await world.ask("editor", BULK, items=patched))["results"]
    assert result["error"]["field"] == ["items", 0, "input", "propertiesPatch"]


@pytest.mark.parametrize(
    ("mutation", "of", "field", "id", "person"),
    [
        ("organizationUpdate", "OrganizationUpdateInput", "settings", "organization", "owner"),
        ("projectUpdate", "ProjectUpdateInput", "settings", "project", "owner"),
        ("profileUpdate", "ProfileUpdateInput", "preferences", "", "editor"),
        ("blockUpdate", "BlockUpdateInput", "content", "block", "editor"),
    ],
)
async def test_every_json_object_is_patched_and_merged(world, mutation, of, field, id, person):
    row = mutation.removesuffix("Update")
    change = f"""mutation ($id: UUID!, $version: BigInt!, $input: {of}!) {{
        {mutation}(id: $id, expectedVersion: $version, input: $input) {{
            merged {row} {{ version {field} }} }} }}"""
    id = getattr(world, id) if id else world.people[person]
    for version, key in ((1, "a"), (2, "b"), (2, "c")):
        patch = {f"{field}Patch": {key: {"on": True}}}
        answer = await world.ask(person, change, id=id, version=version, input=patch)
    assert answer["merged"]
    assert answer[row][field] == {key: {"on": True} for key in "abc"}


async def test_lines_end_in_one_way_and_their_ends_are_no_conflict(world, update):
    text = """mutation ($id: UUID!, $version: BigInt!, $text: String!) {
        requirementUpdate(id: $id, expectedVersion: $version, input: {description: $text}) {
            merged requirement { version description } } }"""
    change = {"id": world.requirement, "query": text}
    await world.ask("editor", **change, version=2, text="One.\r\nTwo.\rThree.\n")
    await world.ask("editor", **change, version=3, text="One.\nTwo.\nThree!\n")
    answer = await world.ask("editor", **change, version=3, text="One!\r\nTwo.\r\nThree.\r\n")
    assert answer["requirement"]["description"] == "One!\nTwo.\nThree!\n"
    before = "UPDATE requirements SET description = $2 WHERE id = $1"
    await world.superuser.execute(before, world.requirement, "One.\r\nTwo.\r\n")
    answer = await world.ask("editor", **change, version=5, text="One.\nTwo.\n")
    assert answer["requirement"] == {"version": 5, "description": "One.\r\nTwo.\r\n"}


@pytest.mark.slow
async def test_large_objects_are_merged_while_others_are_served(update):
    large = {f"{i}": {"n": i} for i in range(7_000)}
    await update(2, properties=large)
    await update(3, properties=large | {"1": {"n": 2}})
    async with watched() as watch:
        answer = await update(3, properties=large | {"2": {"n": 3}})
    assert answer["merged"]
    assert watch.longest < BUSY
