"""People: their own profile, and its visibility to others."""

import pytest

UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: ProfileUpdateInput!) {
    profileUpdate(id: $id, expectedVersion: $version, input: $input) {
        profile { id version fullName jobTitle preferences } } }"""
PROFILE = """query ($id: ID!) { node(id: $id) { ... on Profile {
    id version email fullName jobTitle status preferences viewerCan { update delete } } } }"""
VIEWER = "{ viewer { profile { id email fullName status } scopes } }"


@pytest.fixture
def me(world):
    return world.people["editor"]


async def test_the_viewer_is_told_who_they_are(world, me):
    viewer = await world.ask("editor", VIEWER)
    assert viewer["profile"] == {
        "id": str(me),
        "email": world.email("editor"),
        "fullName": f"editor {world.name}",
        "status": "ACTIVE",
    }


async def test_whoever_is_not_signed_in_is_nobody(world):
    assert await world.ask(None, VIEWER) is None


async def test_people_change_their_own_profile(world, me):
    input = {"fullName": "Ed", "jobTitle": "Engineer", "preferences": {"theme": "dark"}}
    answer = await world.ask("editor", UPDATE, id=me, version=1, input=input)
    assert answer["profile"] == {"id": str(me), "version": 2} | input
    read = await world.ask("editor", PROFILE, id=me)
    assert read.items() >= answer["profile"].items()
    assert read["viewerCan"] == {"update": True, "delete": False}


async def test_fields_that_are_not_sent_stay(world, me):
    await world.ask("editor", UPDATE, id=me, version=1, input={"jobTitle": "Engineer"})
    await world.ask("editor", UPDATE, id=me, version=2, input={"fullName": None})
    read = await world.ask("editor", PROFILE, id=me)
    assert (read["fullName"], read["jobTitle"], read["version"]) == (None, "Engineer", 3)


async def test_others_see_a_profile_without_its_preferences(world, me):
    await world.ask("editor", UPDATE, id=me, version=1, input={"preferences": {"theme": "dark"}})
    read = await world.ask("viewer", PROFILE, id=me)
    assert read["email"] == world.email("editor")
    assert read["preferences"] is None
    assert read["viewerCan"] == {"update": False, "delete": False}


@pytest.mark.parametrize("person", ["viewer", "owner"])
async def test_nobody_changes_a_colleagues_profile(world, me, person):
    change = {"id": me, "version": 1, "input": {"fullName": "Somebody"}}
    assert await world.code(person, UPDATE, **change) == "FORBIDDEN"
    assert (await world.ask("editor", PROFILE, id=me))["version"] == 1


async def test_a_strangers_profile_does_not_exist(world, other_world):
    stranger = other_world.people["owner"]
    change = {"id": stranger, "version": 1, "input": {"fullName": "Somebody"}}
    assert await world.code("owner", UPDATE, **change) == "NOT_FOUND"
    assert await world.code("owner", PROFILE, id=stranger) == "NOT_FOUND"


async def test_a_stale_version_is_refused(world, me):
    await world.ask("editor", UPDATE, id=me, version=1, input={"fullName": "Ed"})
    answer = await world.answer("editor", UPDATE, id=me, version=1, input={"fullName": "Eddy"})
    assert (
        answer["errors"][0]["extensions"].items()
        >= {"code": "CONFLICT", "currentVersion": 2}.items()
    )
    assert (await world.ask("editor", PROFILE, id=me))["fullName"] == "Ed"
