"""The trash lists the rows of every type that its viewer can restore, and nothing else."""

from datetime import datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

from auth.credentials import tokens
from auth.session.row import DIALECT, STATEMENTS
from tests.kit.asking import run, session_of

TRASH = """query ($organization: UUID, $project: UUID, $document: UUID, $types: [EntityType!],
        $first: Int, $after: String, $last: Int, $before: String) {
    trash(organizationId: $organization, projectId: $project, documentId: $document,
        types: $types, first: $first, after: $after, last: $last, before: $before) {
        nodes { id entityType name deletedAt purgeableAt deletedBy { id }
            node { id version __typename } }
        totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
CHANGE = """mutation ($id: UUID!, $version: BigInt!) {{
    {name}(id: $id, expectedVersion: $version) {{ __typename }} }}"""
RETAIN = """mutation ($id: UUID!, $version: BigInt!, $days: Int) { organizationUpdate(
    id: $id, expectedVersion: $version, input: {trashRetentionDays: $days}) {
    organization { trashRetentionDays version } } }"""
KINDS = {
    "organization": "ORGANIZATION",
    "project": "PROJECT",
    "document": "DOCUMENT",
    "block": "BLOCK",
    "requirement": "REQUIREMENT",
}
PEOPLE = ("owner", "admin", "editor", "viewer", "member", "billing", "project_admin")
PEOPLE += ("project_editor", "project_viewer", "document_editor", "outsider")
MAY = {
    "organization": {"owner"},
    "project": {"owner", "admin", "project_admin"},
    "document": {"owner", "admin", "project_admin"},
    "block": {"owner", "admin", "project_admin", "editor", "project_editor", "document_editor"},
}
MAY["requirement"] = MAY["block"]


async def change(world, person, name, id, version=1):
    await world.ask(person, CHANGE.format(name=name), id=id, version=version)


async def trashed(world, person="owner", **asked):
    """Return the IDs of the rows in a person's trash, newest deletion first."""
    found = await world.ask(person, TRASH, **asked)
    assert found["pageInfo"]["hasNextPage"] or found["totalCount"] >= len(found["nodes"])
    return [node["id"] for node in found["nodes"]]


@pytest.fixture
async def five(world):
    """Return five deleted requirements, the last one deleted last."""
    ids = [uuid7() for _ in range(5)]
    place = (world.organization, world.project, world.document, world.block)
    await world.superuser.executemany(
        "INSERT INTO requirements (id, organization_id, project_id, document_id, block_id, name,"
        " deleted_at) VALUES ($1, $2, $3, $4, $5, 'Gone ' || $6::int, now() + $7)",
        [(id, *place, i, timedelta(seconds=i // 2)) for i, id in enumerate(ids)],
    )
    return [str(id) for id in ids]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_who_may_restore_something_finds_it_and_others_do_not(world, kind):
    id = getattr(world, kind)
    await change(world, "owner", f"{kind}Delete", id)
    (item,) = (await world.ask("owner", TRASH))["nodes"]
    deleted_at = datetime.fromisoformat(item["deletedAt"])
    assert item == {
        "id": str(id),
        "entityType": KINDS[kind],
        "name": f"{kind.title()} {world.name}",
        "deletedAt": item["deletedAt"],
        "purgeableAt": (deleted_at + timedelta(days=30)).isoformat(),
        "deletedBy": {"id": str(world.people["owner"])},
        "node": {"id": str(id), "version": 2, "__typename": kind.title()},
    }
    for person in PEOPLE:
        assert await trashed(world, person) == [str(id)] * (person in MAY[kind]), person
        if person not in MAY[kind]:
            code = await world.code(person, CHANGE.format(name=f"{kind}Restore"), id=id, version=2)
            assert code in ("NOT_FOUND", "FORBIDDEN")
    await change(world, "owner", f"{kind}Restore", id, 2)
    assert await trashed(world) == []


@pytest.mark.slow
async def test_an_ended_membership_is_found_by_who_could_have_ended_it(world):
    await change(world, "admin", "organizationMemberRemove", world.members["editor"])
    (item,) = (await world.ask("admin", TRASH))["nodes"]
    assert item["entityType"] == "ORGANIZATION_MEMBER"
    assert item["name"] == f"editor {world.name}"
    assert item["purgeableAt"] is None
    assert [p for p in PEOPLE if await trashed(world, p)] == ["owner", "admin"]
    update = """mutation ($id: UUID!) { organizationMemberUpdate(id: $id, expectedVersion: 1,
        input: {role: OWNER}) { member: organizationMember { id } } }"""
    await world.ask("owner", update, id=world.members["viewer"])
    await change(world, "owner", "organizationMemberRemove", world.members["viewer"], 2)
    assert str(world.members["viewer"]) in await trashed(world, "owner")
    assert str(world.members["viewer"]) not in await trashed(world, "admin")
    restore = CHANGE.format(name="organizationMemberRestore")
    told = await world.code("admin", restore, id=world.members["viewer"], version=3)
    assert told == "FORBIDDEN"


async def test_what_is_beneath_something_deleted_is_not_listed_until_that_is_back(world):
    await change(world, "owner", "requirementDelete", world.requirement)
    for kind in ("block", "document", "project", "organization"):
        await change(world, "owner", f"{kind}Delete", getattr(world, kind))
        assert await trashed(world) == [str(getattr(world, kind))]
    for kind in ("organization", "project", "document", "block"):
        await change(world, "owner", f"{kind}Restore", getattr(world, kind), 2)
    assert await trashed(world) == [str(world.requirement)]


@pytest.mark.slow
async def test_pages_go_both_ways_with_the_newest_deletion_first(world, five):
    expected = five[4:5] + sorted(five[2:4], reverse=True) + sorted(five[:2], reverse=True)
    assert await trashed(world, first=10) == expected
    forwards, after = [], None
    for _ in range(3):
        page = await world.ask("editor", TRASH, first=2, after=after)
        forwards += [node["id"] for node in page["nodes"]]
        assert page["totalCount"] == 5
        after = page["pageInfo"]["endCursor"]
    assert forwards == expected
    assert page["pageInfo"]["hasNextPage"] is False
    before = page["pageInfo"]["startCursor"]
    assert await trashed(world, last=2, before=before) == expected[2:4]
    assert await trashed(world, last=2) == expected[3:]


async def test_a_cursor_of_another_list_and_a_page_too_large_are_refused(world):
    assert await world.code("owner", TRASH, after="bm9uc2Vuc2U") == "INVALID"
    assert await world.code("owner", TRASH, first=101) == "INVALID"
    assert await world.code("owner", TRASH, first=1, last=1) == "INVALID"
    assert await world.code(None, TRASH) == "UNAUTHENTICATED"


@pytest.mark.slow
async def test_a_place_and_a_type_narrow_the_list(world, other_world, five):
    await change(world, "owner", "blockDelete", world.block)
    block = [str(world.block)]
    assert await trashed(world) == block
    await change(world, "owner", "blockRestore", world.block, 2)
    await change(world, "admin", "organizationMemberRemove", world.members["editor"])
    member = [str(world.members["editor"])]
    everything = {*five, *member}
    assert set(await trashed(world)) == everything
    assert set(await trashed(world, organization=world.organization)) == everything
    assert set(await trashed(world, project=world.project)) == set(five)
    assert set(await trashed(world, document=world.document)) == set(five)
    assert await trashed(world, types=["ORGANIZATION_MEMBER", "DOCUMENT"]) == member
    assert await trashed(world, types=["PROJECT"]) == []
    assert await trashed(world, document=world.document, types=["ORGANIZATION"]) == []
    elsewhere = {"organization": uuid7(), "project": uuid7(), "document": uuid7()}
    for place, nowhere in elsewhere.items():
        assert await trashed(world, **{place: nowhere}) == []
        assert await trashed(other_world, **{place: getattr(world, place)}) == []
    assert await trashed(other_world) == []


async def test_a_deleted_row_is_read_in_depth_but_not_what_is_beneath_it(world):
    await change(world, "owner", "documentDelete", world.document)
    query = """{ trash { nodes { node { ... on Document {
        name slug position project { name } updatedBy { fullName } viewerCan { delete }
        blocks { totalCount nodes { id } } requirements { totalCount } } } } } }"""
    (item,) = (await world.ask("project_admin", query))["nodes"]
    assert item["node"] == {
        "name": f"Document {world.name}",
        "slug": f"d-{world.name}",
        "position": 0,
        "project": {"name": f"Project {world.name}"},
        "updatedBy": {"fullName": f"owner {world.name}"},
        "viewerCan": {"delete": True},
        "blocks": {"totalCount": 0, "nodes": []},
        "requirements": {"totalCount": 0},
    }


async def test_all_kinds_are_one_statement_and_their_rows_one_a_kind(world, five):
    await change(world, "admin", "organizationMemberRemove", world.members["viewer"])
    session = await session_of(world, "owner")
    await run(session, "{ trash { nodes { id name purgeableAt } } }")
    assert session.statements == 1
    session = await session_of(world, "owner")
    await run(session, "{ trash { nodes { id node { id } deletedBy { id } } totalCount } }")
    assert session.statements == 5


async def test_the_retention_is_set_by_administrators_and_recorded(world, five):
    retain = {"id": world.organization, "version": 1}
    assert await world.code("editor", RETAIN, **retain, days=7) == "FORBIDDEN"
    for days in (0, -1, 36_501):
        assert await world.code("admin", RETAIN, **retain, days=days) == "INVALID"
    changed = (await world.ask("admin", RETAIN, **retain, days=7))["organization"]
    assert changed == {"trashRetentionDays": 7, "version": 2}
    item = (await world.ask("owner", TRASH, first=1))["nodes"][0]
    life = datetime.fromisoformat(item["purgeableAt"]) - datetime.fromisoformat(item["deletedAt"])
    assert life == timedelta(days=7)
    await world.ask("owner", RETAIN, id=world.organization, version=2, days=None)
    assert (await world.ask("owner", TRASH, first=1))["nodes"][0]["purgeableAt"] is None
    *_, event = await world.records(world.organization)
    assert event["changed_fields"] == ["trash_retention_days"]


async def test_a_token_sees_what_it_could_restore(world, five):
    async def code_with(scope, **asked):
        world.tokens["narrowed"] = await tokens.issue(
            world.database, world.email("owner"), timedelta(minutes=5), scope
        )
        return await world.code("narrowed", TRASH, **asked)

    assert await code_with("requirements:write") is None
    assert set(await trashed(world, "narrowed")) == set(five)
    assert await code_with("requirements:write", types=["PROJECT"]) == "FORBIDDEN"
    assert await code_with("requirements:read") == "FORBIDDEN"
    assert await code_with("organizations:write") is None
    assert await trashed(world, "narrowed") == []


async def test_the_statement_of_all_types_is_compiled_once(world, five, monkeypatch):
    made = []

    def compiler(*arguments, **options):
        made.append(arguments)
        return DIALECT.statement_compiler(*arguments, **options)

    await trashed(world, "owner")
    monkeypatch.setattr(STATEMENTS, "_compiler", compiler)
    assert set(await trashed(world, "owner")) == set(five)
    assert made == []
