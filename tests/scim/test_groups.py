"""Groups, and the roles that follow from them."""

import pytest

from tests.scim.conftest import provider_of
from tests.world import Refused

SET = """mutation ($id: UUID!, $version: BigInt!, $role: OrganizationRole) {
    provisionedGroupRoleUpdate(id: $id, expectedVersion: $version, role: $role) {
        group: provisionedGroup { version role } } }"""
LIST = """query ($id: UUID!) { organization(id: $id) { provisionedGroups { totalCount nodes {
    id version displayName role members { nodes { user { id } } } } } } }"""


async def version_of(idp, group):
    listed = await idp.world.ask("owner", LIST, id=idp.world.organization)
    (found,) = [one for one in listed["provisionedGroups"]["nodes"] if one["id"] == group["id"]]
    return found["version"]


async def give(idp, group, role, person="owner"):
    """Give the members of a group this role."""
    version = await version_of(idp, group)
    return await idp.world.ask(person, SET, id=group["id"], version=version, role=role)


async def role_of(idp, user):
    return (await idp.ok("GET", f"/Users/{user['id']}"))["roles"][0]["value"]


async def add(idp, group, *users):
    value = [{"value": user["id"]} for user in users]
    await idp.patch(f"/Groups/{group['id']}", {"op": "add", "path": "members", "value": value})


async def remove(idp, group, user):
    path = f'members[value eq "{user["id"]}"]'
    await idp.patch(f"/Groups/{group['id']}", {"op": "remove", "path": path})


async def test_a_group_gives_its_role_to_those_who_are_in_it(idp):
    ada, bob = await idp.user("ada"), await idp.user("bob")
    group = await idp.group("Pilots", ada)
    assert [one["value"] for one in group["members"]] == [ada["id"]]
    assert await role_of(idp, ada) == "MEMBER"
    assert (await give(idp, group, "EDITOR"))["group"]["role"] == "EDITOR"
    assert await role_of(idp, ada) == "EDITOR"
    await add(idp, group, bob)
    assert await role_of(idp, bob) == "EDITOR"
    user = await idp.ok("GET", f"/Users/{bob['id']}")
    assert [(one["value"], one["display"]) for one in user["groups"]] == [(group["id"], "Pilots")]
    await remove(idp, group, ada)
    assert (await role_of(idp, ada), await role_of(idp, bob)) == ("MEMBER", "EDITOR")
    listed = await idp.world.ask("admin", LIST, id=idp.world.organization)
    (found,) = listed["provisionedGroups"]["nodes"]
    assert [one["user"]["id"] for one in found["members"]["nodes"]] == [bob["id"]]
    assert (await idp.send("DELETE", f"/Groups/{group['id']}")).status_code == 204
    assert await role_of(idp, bob) == "MEMBER"


async def test_the_highest_role_of_several_groups_counts(idp):
    ada = await idp.user("ada")
    readers, writers = await idp.group("Readers", ada), await idp.group("Writers", ada)
    await give(idp, readers, "VIEWER")
    await give(idp, writers, "EDITOR")
    assert await role_of(idp, ada) == "EDITOR"
    await give(idp, writers, None)
    assert await role_of(idp, ada) == "VIEWER"


async def test_only_an_owner_gives_a_group_a_role_and_never_that_of_owners(idp):
    group = await idp.group("Pilots")
    for person in ("admin", "editor", "billing"):
        version = await version_of(idp, group)
        code = await idp.world.code(person, SET, id=group["id"], version=version, role="VIEWER")
        assert code == ("FORBIDDEN" if person == "admin" else "NOT_FOUND")
    with pytest.raises(Refused) as refused:
        await give(idp, group, "OWNER")
    assert (refused.value.code, refused.value.field) == ("INVALID", ["role"])


async def test_a_group_grants_nothing_above_the_rank_of_who_fills_it(idp):
    world = idp.world
    owner = {"id": str(world.people["owner"])}
    ada = await idp.user("ada")
    admins = await idp.group("Admins", ada)
    await give(idp, admins, "ADMIN")
    assert await role_of(idp, ada) == "ADMIN"  # which is the provider's own role
    await add(idp, admins, owner)
    assert await role_of(idp, owner) == "OWNER"  # whose role stays what it is
    await remove(idp, admins, owner)
    assert await role_of(idp, owner) == "OWNER"


async def test_members_of_groups_are_users_of_the_organization(idp, other_world):
    robot = {"id": str(idp.world.people["scim"])}
    stranger = {"id": str(other_world.people["viewer"])}
    for user in (robot, stranger, {"id": "nobody"}):
        refused = await idp.refused("POST", "/Groups", idp.group_of("Pilots", user))
        assert refused == (400, "invalidValue")
    assert (await idp.ok("GET", "/Groups"))["totalResults"] == 0


async def test_names_of_groups_are_taken_once(idp):
    await idp.group("Pilots")
    assert await idp.refused("POST", "/Groups", idp.group_of("pilots")) == (409, "uniqueness")


async def test_whoever_goes_is_in_no_group_any_more(idp):
    ada = await idp.user("ada")
    group = await idp.group("Pilots", ada)
    await give(idp, group, "EDITOR")
    await idp.ok("DELETE", f"/Users/{ada['id']}")
    assert "members" not in await idp.ok("GET", f"/Groups/{group['id']}")
    again = await idp.user("ada")
    assert (again["id"], again["roles"]) == (ada["id"], [{"value": "MEMBER"}])


async def test_another_organization_neither_sees_nor_changes_a_group(idp, other_world):
    ada = await idp.user("ada")
    group = await idp.group("Pilots", ada)
    other = await provider_of(other_world)
    for path in (f"/Groups/{group['id']}", f"/Users/{ada['id']}"):
        assert await other.refused("GET", path) == (404, None)
        assert await other.refused("DELETE", path) == (404, None)
        assert await other.refused("PUT", path, idp.group_of("Mine")) in (
            (404, None),
            (400, "invalidSyntax"),
            (400, "invalidValue"),
        )
    assert (await other.ok("GET", "/Groups"))["totalResults"] == 0
    found = await other.ok("GET", f'/Users?filter=userName eq "{idp.address("ada")}"')
    assert found["totalResults"] == 0
