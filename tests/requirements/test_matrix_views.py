"""Views of the test matrix: configurations that are checked, and one default a project."""

import pytest

from tests.world import Refused

VIEW = """id version name isActive isDefault configuration {
    documentIds requirementStatuses requirementTags testTypes holes groupBy }"""
CREATE = f"""mutation ($input: TestMatrixViewCreateInput!) {{
    testMatrixViewCreate(input: $input) {{ testMatrixView {{ {VIEW} }} }} }}"""
UPDATE = f"""mutation ($id: UUID!, $version: BigInt!, $input: TestMatrixViewUpdateInput!) {{
    testMatrixViewUpdate(id: $id, expectedVersion: $version, input: $input) {{
    testMatrixView {{ {VIEW} }} }} }}"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    testMatrixViewDelete(id: $id, expectedVersion: $version) { testMatrixView { version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    testMatrixViewRestore(id: $id, expectedVersion: $version) { testMatrixView { name } } }"""
LIST = """query ($id: UUID!) { project(id: $id) { testMatrixViews(
    filter: {isDefault: {eq: true}}) { nodes { name } } } }"""
SHOW = "query ($id: UUID!) { testMatrixView(id: $id) { name } }"


async def view(world, by="editor", **input):
    given = {"projectId": world.project, "name": "All"} | input
    return (await world.ask(by, CREATE, input=given))["testMatrixView"]


async def test_a_view_keeps_what_it_shows(world):
    configuration = {
        "documentIds": [str(world.document)],
        "requirementStatuses": ["APPROVED", "VERIFIED"],
        "requirementTags": ["safety"],
        "testTypes": [],
        "holes": ["STALE", "UNCOVERED"],
        "groupBy": "REQUIREMENT_PRIORITY",
    }
    made = await view(world, configuration=configuration)
    assert made["configuration"] == configuration
    changed = await world.ask(
        "editor", UPDATE, id=made["id"], version=1, input={"configuration": {}}
    )
    empty = {name: [] for name in configuration} | {"groupBy": None}
    assert changed["testMatrixView"]["configuration"] == empty


@pytest.mark.parametrize(
    ("configuration", "code", "field"),
    [
        ({"requirementTags": ["x"] * 101}, "INVALID", ["requirementTags"]),
        ({"testCategories": ["a", " "]}, "INVALID", ["testCategories", 1]),
        ({"documentIds": ["other"]}, "NOT_FOUND", ["documentIds"]),
    ],
)
async def test_a_configuration_is_checked(world, other_world, configuration, code, field):
    if "documentIds" in configuration:
        configuration = {"documentIds": [world.document, other_world.document]}
    with pytest.raises(Refused) as refused:
        await view(world, configuration=configuration)
    path = ["input", "configuration", *field]
    assert (refused.value.code, refused.value.field) == (code, path)


async def test_a_project_has_one_default_and_a_new_one_takes_its_place(world):
    first = await view(world, name="First", isDefault=True)
    second = await view(world, name="Second", isDefault=True)
    third = await view(world, name="Third")

    async def default():
        found = await world.ask("viewer", LIST, id=world.project)
        return [node["name"] for node in found["testMatrixViews"]["nodes"]]

    assert (first["isDefault"], second["isDefault"]) == (True, True)
    assert await default() == ["Second"]
    for id, version, name in ((third["id"], 1, "Third"), (first["id"], 2, "First")):
        await world.ask("editor", UPDATE, id=id, version=version, input={"isDefault": True})
        assert await default() == [name]
    assert await world.code("viewer", UPDATE, id=third["id"], version=3, input={}) == "FORBIDDEN"
    await world.ask("editor", DELETE, id=first["id"], version=3)
    assert await world.code("viewer", SHOW, id=first["id"]) == "NOT_FOUND"
    await view(world, name="Fourth", isDefault=True)
    assert await world.code("editor", RESTORE, id=first["id"], version=4) == "ALREADY_EXISTS"
