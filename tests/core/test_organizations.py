"""Organizations: created by anybody, changed by administrators, deleted with all they hold."""

import asyncio

import pytest

CREATE = """mutation ($input: OrganizationCreateInput!) { organizationCreate(input: $input) {
    organization { id version name slug type settings } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: OrganizationUpdateInput!) {
    organizationUpdate(id: $id, expectedVersion: $version, input: $input) {
        organization { version name slug type billingCycle settings updatedBy { id } } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    organizationDelete(id: $id, expectedVersion: $version) { organization { id version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    organizationRestore(id: $id, expectedVersion: $version) { organization { id version } } }"""
ORGANIZATION = """query ($id: UUID, $slug: String) { organization(id: $id, slug: $slug) {
    id version name slug type billingPlan billingCycle maxMembers maxMonthlyRequests memberCount
    storageUsed settings owner { id } createdBy { id } updatedBy { id }
    members { nodes { role user { id } } } } }"""
MINE = "{ organizations { nodes { slug } totalCount } }"


def extensions(answer):
    return answer["errors"][0]["extensions"]


async def test_the_founder_is_the_owner(world):
    input = {"name": "Lighthouse", "slug": f"lighthouse-{world.name}"}
    made = (await world.ask("outsider", CREATE, input=input))["organization"]
    assert made.items() >= {"version": 1, "type": "TEAM", "settings": {}, **input}.items()
    founder = {"id": str(world.people["outsider"])}
    assert await world.ask("outsider", ORGANIZATION, id=made["id"]) == made | {
        "billingPlan": "FREE",
        "billingCycle": "MONTHLY",
        "maxMembers": 25,
        "maxMonthlyRequests": 100_000,
        "memberCount": 1,
        "storageUsed": 0,
        "owner": founder,
        "createdBy": founder,
        "updatedBy": founder,
        "members": {"nodes": [{"role": "OWNER", "user": founder}]},
    }
    mine = await world.ask("outsider", MINE)
    assert mine == {"nodes": [{"slug": input["slug"]}], "totalCount": 1}


async def test_everything_can_be_said_at_the_founding(world):
    input = {
        "name": "Lighthouse",
        "slug": f"lighthouse-{world.name}",
        "type": "ENTERPRISE",
        "settings": {"units": ["m", "s"]},
    }
    made = (await world.ask("outsider", CREATE, input=input))["organization"]
    assert made.items() >= input.items()


async def test_only_who_is_signed_in_founds(world):
    input = {"name": "Lighthouse", "slug": f"lighthouse-{world.name}"}
    assert await world.code(None, CREATE, input=input) == "UNAUTHENTICATED"


async def test_one_slug_has_one_founder(world):
    input = {"name": "Lighthouse", "slug": f"lighthouse-{world.name}"}
    people = ("outsider", "owner", "admin", "editor", "viewer")
    codes = await asyncio.gather(*(world.code(who, CREATE, input=input) for who in people))
    assert sorted(map(str, codes)) == ["ALREADY_EXISTS"] * 4 + ["None"]


async def test_a_slug_is_taken_even_by_an_organization_unseen(world, other_world):
    input = {"name": "Lighthouse", "slug": f"o-{other_world.name}"}
    answer = await world.answer("owner", CREATE, input=input)
    assert extensions(answer)["code"] == "ALREADY_EXISTS"
    assert extensions(answer)["field"] == ["input", "slug"]
    change = {"id": world.organization, "version": 1, "input": {"slug": input["slug"]}}
    assert await world.code("owner", UPDATE, **change) == "ALREADY_EXISTS"


async def test_fields_that_are_sent_change_and_the_others_stay(world):
    first = {"name": "Lighthouse", "type": "ENTERPRISE", "settings": {"units": "SI"}}
    change = {"id": world.organization, "version": 1, "input": first}
    changed = (await world.ask("admin", UPDATE, **change))["organization"]
    assert changed == first | {
        "version": 2,
        "slug": f"o-{world.name}",
        "billingCycle": "MONTHLY",
        "updatedBy": {"id": str(world.people["admin"])},
    }
    second = {"slug": f"l-{world.name}", "billingCycle": "YEARLY"}
    change = {"id": world.organization, "version": 2, "input": second}
    changed |= second | {"version": 3, "updatedBy": {"id": str(world.people["owner"])}}
    assert (await world.ask("owner", UPDATE, **change))["organization"] == changed
    read = await world.ask("viewer", ORGANIZATION, slug=second["slug"])
    assert read.items() >= changed.items()


async def test_a_stale_version_is_refused(world):
    change = {"id": world.organization, "version": 1, "input": {"name": "Lighthouse"}}
    await world.ask("owner", UPDATE, **change)
    change["input"] = {"name": "Beacon"}
    refusal = extensions(await world.answer("owner", UPDATE, **change))
    assert (refusal["code"], refusal["currentVersion"]) == ("CONFLICT", 2)
    assert await world.code("owner", DELETE, id=world.organization, version=1) == "CONFLICT"
    assert (await world.ask("owner", ORGANIZATION, id=world.organization))["name"] == "Lighthouse"


async def test_a_deleted_organization_is_gone_for_everybody(world):
    deleted = await world.ask("owner", DELETE, id=world.organization, version=1)
    assert deleted["organization"] == {"id": str(world.organization), "version": 2}
    for person in ("owner", "admin", "member"):
        assert await world.code(person, ORGANIZATION, id=world.organization) == "NOT_FOUND"
        assert await world.code(person, ORGANIZATION, slug=f"o-{world.name}") == "NOT_FOUND"
        assert await world.ask(person, MINE) == {"nodes": [], "totalCount": 0}


async def test_only_its_owner_brings_it_back(world):
    before = await world.ask("owner", ORGANIZATION, id=world.organization)
    await world.ask("owner", DELETE, id=world.organization, version=1)
    restore = {"id": world.organization, "version": 2}
    assert await world.code("admin", RESTORE, **restore) == "NOT_FOUND"
    assert await world.code("owner", RESTORE, id=world.organization, version=1) == "CONFLICT"
    restored = await world.ask("owner", RESTORE, **restore)
    assert restored["organization"] == {"id": str(world.organization), "version": 3}
    after = await world.ask("owner", ORGANIZATION, id=world.organization)
    owner = {"id": str(world.people["owner"])}
    assert after == before | {"version": 3, "updatedBy": owner}


async def test_what_is_not_deleted_cannot_be_restored(world):
    assert await world.code("owner", RESTORE, id=world.organization, version=1) == "NOT_FOUND"


async def test_a_slug_is_free_again_after_deletion(world):
    await world.ask("owner", DELETE, id=world.organization, version=1)
    input = {"name": "Another", "slug": f"o-{world.name}"}
    await world.ask("outsider", CREATE, input=input)
    refusal = extensions(await world.answer("owner", RESTORE, id=world.organization, version=2))
    assert refusal["code"] == "ALREADY_EXISTS"


@pytest.mark.parametrize("both", [{}, {"slug": "lighthouse"}], ids=["neither", "both"])
async def test_an_organization_is_asked_for_by_its_id_or_its_slug(world, both):
    by = both | ({"id": world.organization} if both else {})
    refusal = extensions(await world.answer("owner", ORGANIZATION, **by))
    assert (refusal["code"], refusal["field"]) == ("INVALID", ["id"])
