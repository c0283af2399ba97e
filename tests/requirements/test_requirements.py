"""Requirements: created, changed, moved to other documents, deleted and restored."""

import asyncio

import pytest

from tests.tenants import join
from tests.world import Refused

FIELDS = """id version externalId name description status format priority level position tags
    originalRequirement enhancedRequirement aiAnalysis properties
    organizationId projectId documentId blockId createdBy { id } updatedBy { id }"""
CREATE = f"""mutation ($input: RequirementCreateInput!) {{
    requirementCreate(input: $input) {{ requirement {{ {FIELDS} }} }} }}"""
UPDATE = f"""mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {{
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {{
        requirement {{ {FIELDS} }} }} }}"""
MOVE = f"""mutation ($id: UUID!, $version: BigInt!, $to: RequirementPlaceInput!) {{
    requirementMove(id: $id, expectedVersion: $version, placeAt: $to) {{
        requirement {{ {FIELDS} }} }} }}"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementDelete(id: $id, expectedVersion: $version) { requirement { id version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementRestore(id: $id, expectedVersion: $version) { requirement { id version } } }"""
REQUIREMENT = f"""query ($id: UUID!) {{ requirement(id: $id) {{ {FIELDS} }} }}"""
EDGES = """query ($id: UUID!) { requirement(id: $id) {
    project { id } document { id } block { id } } }"""
PROJECT = """mutation ($id: UUID!, $name: String!) { projectCreate(
    input: {organizationId: $id, name: $name, slug: $name}) { project { id } } }"""
DOCUMENT = """mutation ($id: UUID!, $name: String!) { documentCreate(
    input: {projectId: $id, name: $name, slug: $name}) { document { id } } }"""
BLOCK = """mutation ($id: UUID!) { blockCreate(
    input: {documentId: $id, name: "Elsewhere"}) { block { id } } }"""
LINK = """INSERT INTO trace_links
    (organization_id, project_id, source_id, source_type, target_id, target_type)
    VALUES ($1, $2, $3, 'requirement', $4, 'document') RETURNING id"""
EXECUTION = """WITH test AS (
        INSERT INTO test_req (organization_id, project_id, title) VALUES ($1, $2, 'Braking')
        RETURNING id)
    INSERT INTO requirement_tests (organization_id, project_id, requirement_id, test_id)
    SELECT $1, $2, $3, id FROM test RETURNING id"""


@pytest.fixture
def new(world):
    """Create a requirement as the editor; the requirement."""

    async def new(**input):
        input = {"documentId": world.document, "name": "Stops within 40 m"} | input
        return (await world.ask("editor", CREATE, input=input))["requirement"]

    return new


@pytest.fixture
async def wheels(world):
    """Create another document of the same project; return its ID."""
    made = await world.ask("editor", DOCUMENT, id=world.project, name="wheels")
    return made["document"]["id"]


@pytest.fixture
async def elsewhere(world):
    """Create a document in another project of the organization; return its ID."""
    made = await world.ask("admin", PROJECT, id=world.organization, name="rover")
    made = await world.ask("admin", DOCUMENT, id=made["project"]["id"], name="wheels")
    return made["document"]["id"]


async def test_a_new_requirement_is_a_draft_at_the_end(world, new):
    made = await new()
    editor = {"id": str(world.people["editor"])}
    expected = {
        "version": 1,
        "externalId": None,
        "name": "Stops within 40 m",
        "description": None,
        "status": "DRAFT",
        "format": "NATURAL_LANGUAGE",
        "priority": "MEDIUM",
        "level": "SYSTEM",
        "position": 2,
        "tags": [],
        "originalRequirement": None,
        "enhancedRequirement": None,
        "aiAnalysis": {},
        "properties": {},
        "organizationId": str(world.organization),
        "projectId": str(world.project),
        "documentId": str(world.document),
        "blockId": None,
        "createdBy": editor,
        "updatedBy": editor,
    }
    assert made == {"id": made["id"]} | expected
    assert await world.ask("viewer", REQUIREMENT, id=made["id"]) == made


async def test_everything_can_be_said_at_the_start(world, new):
    input = {
        "blockId": str(world.block),
        "externalId": "REQ-1",
        "description": "On a dry road.",
        "status": "IN_REVIEW",
        "format": "EARS",
        "priority": "BLOCKER",
        "level": "USER_STORY",
        "position": 0.25,
        "tags": ["safety", "brakes"],
        "originalRequirement": "It should stop.",
        "enhancedRequirement": "It shall stop.",
        "properties": {"margin": {"value": 1.5, "unit": "m"}, "checked": True, "by": None},
    }
    made = await new(**input)
    assert made.items() >= input.items()
    assert await world.ask("viewer", REQUIREMENT, id=made["id"]) == made
    assert await world.ask("viewer", EDGES, id=made["id"]) == {
        "project": {"id": str(world.project)},
        "document": {"id": str(world.document)},
        "block": {"id": str(world.block)},
    }


async def test_fields_that_are_sent_change_and_the_others_stay(world, new):
    made = await new(description="Dry.", externalId="REQ-1", tags=["a"], properties={"x": 1})
    first = {"description": None, "externalId": None, "status": "APPROVED"}
    changed = await world.ask("editor", UPDATE, id=made["id"], version=1, input=first)
    assert changed["requirement"] == made | first | {"version": 2}
    rest = {
        "name": "Stops within 30 m",
        "format": "FORMAL",
        "priority": "LOW",
        "level": "FEATURE",
        "tags": [],
        "originalRequirement": "Stop.",
        "enhancedRequirement": "Shall stop.",
        "properties": {"y": [1, 2]},
        "externalId": "REQ-2",
    }
    changed = await world.ask("admin", UPDATE, id=made["id"], version=2, input=rest)
    admin = {"id": str(world.people["admin"])}
    assert changed["requirement"] == made | first | rest | {"version": 3, "updatedBy": admin}
    assert await world.ask("viewer", REQUIREMENT, id=made["id"]) == changed["requirement"]


async def test_a_change_to_the_same_values_is_none(world, new):
    made = await new(tags=["a"], properties={"x": [1]})
    same = {key: made[key] for key in ("name", "status", "tags", "properties")}
    for input in ({}, same):
        unchanged = await world.ask("editor", UPDATE, id=made["id"], version=1, input=input)
        assert unchanged["requirement"] == made
    assert await world.code("viewer", UPDATE, id=made["id"], version=1, input={}) == "FORBIDDEN"
    assert await world.code("editor", UPDATE, id=made["id"], version=2, input={}) == "INVALID"


async def test_a_stale_version_is_refused(world, new):
    made = await new()
    change = {"id": made["id"], "version": 1, "input": {"name": "Stops"}}
    await world.ask("editor", UPDATE, **change)
    answer = await world.answer("editor", UPDATE, **change | {"input": {"name": "Honks"}})
    refusal = answer["errors"][0]["extensions"]
    assert (refusal["code"], refusal["currentVersion"]) == ("CONFLICT", 2)
    assert await world.code("editor", DELETE, id=made["id"], version=1) == "CONFLICT"
    assert (await world.ask("editor", REQUIREMENT, id=made["id"]))["name"] == "Stops"


async def test_of_concurrent_changes_to_one_version_one_is_made(world):
    change = {"id": world.requirement, "version": 1}
    answers = await asyncio.gather(
        *(world.answer("editor", UPDATE, **change, input={"name": f"Name {n}"}) for n in range(6)),
        world.answer("editor", DELETE, **change),
    )
    refused = [
        answer["errors"][0]["extensions"]["code"] for answer in answers if "errors" in answer
    ]
    assert len(refused) == len(answers) - 1
    assert set(refused) <= {"CONFLICT", "NOT_FOUND"}  # deleted, it is not found by the others


async def test_an_external_id_is_unique_in_its_document(world, new, wheels):
    made = await new(externalId="REQ-1")
    for attempt in (new(externalId="REQ-1"), new(externalId="REQ-1", name="Another")):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.code == "ALREADY_EXISTS"
        assert refused.value.field == ["input", "externalId"]
    other = await new(externalId="REQ-1", documentId=wheels)
    answer = await world.answer(
        "editor", MOVE, id=other["id"], version=1, to={"documentId": world.document}
    )
    assert answer["errors"][0]["extensions"]["code"] == "ALREADY_EXISTS"
    assert answer["errors"][0]["extensions"]["field"] == ["externalId"]
    await world.ask("editor", DELETE, id=made["id"], version=1)
    await new(externalId="REQ-1")
    assert await world.code("editor", RESTORE, id=made["id"], version=2) == "ALREADY_EXISTS"


async def test_many_requirements_do_without_an_external_id(new):
    assert (await new())["externalId"] == (await new())["externalId"] is None


async def test_a_deleted_requirement_can_be_restored_at_its_version(world, new):
    made = await new()
    deleted = await world.ask("editor", DELETE, id=made["id"], version=1)
    assert deleted["requirement"] == {"id": made["id"], "version": 2}
    for mutation, rest in ((UPDATE, {"input": {"name": "X"}}), (DELETE, {}), (MOVE, {"to": {}})):
        gone = {"id": made["id"], "version": 2}
        assert await world.code("editor", mutation, **gone, **rest) == "NOT_FOUND"
    assert await world.code("viewer", REQUIREMENT, id=made["id"]) == "NOT_FOUND"
    assert await world.code("editor", RESTORE, id=made["id"], version=1) == "CONFLICT"
    await world.ask("editor", RESTORE, id=made["id"], version=2)
    assert await world.ask("viewer", REQUIREMENT, id=made["id"]) == made | {"version": 3}


async def test_a_move_to_another_document_leaves_the_block(world, new, wheels):
    made = await new(blockId=world.block)
    moved = await world.ask("editor", MOVE, id=made["id"], version=1, to={"documentId": wheels})
    place = {"documentId": wheels, "blockId": None, "position": 1, "version": 2}
    assert moved["requirement"] == made | place
    block = (await world.ask("editor", BLOCK, id=wheels))["block"]["id"]
    to = {"blockId": block}
    moved = await world.ask("editor", MOVE, id=made["id"], version=2, to=to)
    assert moved["requirement"].items() >= {"documentId": wheels, "blockId": block}.items()


async def test_a_move_to_another_project_keeps_what_refers_to_it(world, elsewhere):
    place = (world.organization, world.project, world.requirement)
    link = await world.superuser.fetchval(LINK, *place, world.document)
    execution = await world.superuser.fetchval(EXECUTION, *place)
    to = {"documentId": elsewhere}
    moved = await world.ask("admin", MOVE, id=world.requirement, version=1, to=to)
    assert moved["requirement"]["id"] == str(world.requirement)
    assert moved["requirement"]["projectId"] != str(world.project)
    for table, id in (("trace_links", link), ("requirement_tests", execution)):
        kept = f"SELECT to_jsonb({table}) FROM {table} WHERE id = $1"
        assert str(world.requirement) in await world.superuser.fetchval(kept, id)


async def test_a_move_needs_rights_at_both_ends(world, elsewhere):
    move = {"id": world.requirement, "version": 1, "to": {"documentId": elsewhere}}
    assert await world.code("project_editor", MOVE, **move) == "NOT_FOUND"
    share = """mutation ($project: UUID!, $user: UUID!, $role: ProjectRole!) { projectMemberAdd(
        input: {projectId: $project, userId: $user, role: $role}) {
            member: projectMember { id } } }"""
    there = "query ($id: UUID!) { document(id: $id) { projectId } }"
    project = (await world.ask("admin", there, id=elsewhere))["projectId"]
    for person, role in (("project_editor", "VIEWER"), ("project_viewer", "EDITOR")):
        user = world.people[person]
        await world.ask("admin", share, project=project, user=user, role=role)
        assert await world.code(person, MOVE, **move) == "FORBIDDEN"
    assert (await world.ask("admin", REQUIREMENT, id=world.requirement))["version"] == 1


async def test_a_requirement_stays_in_its_organization(world, other_world):
    move = {"id": world.requirement, "version": 1, "to": {"documentId": other_world.document}}
    answer = await world.answer("owner", MOVE, **move)
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert answer["errors"][0]["extensions"]["field"] == ["placeAt", "documentId"]
    await join(world.superuser, other_world.organization, world.people["editor"], "editor")
    answer = await world.answer("editor", MOVE, **move)
    assert answer["errors"][0]["extensions"]["code"] == "INVALID"
    assert answer["errors"][0]["extensions"]["field"] == ["placeAt", "documentId"]


async def test_a_block_holds_requirements_of_its_document_alone(world, other_world, new, wheels):
    elsewhere = (await world.ask("editor", BLOCK, id=wheels))["block"]["id"]
    for block, code in ((elsewhere, "INVALID"), (other_world.block, "NOT_FOUND")):
        with pytest.raises(Refused) as refused:
            await new(blockId=block)
        assert (refused.value.code, refused.value.field) == (code, ["input", "blockId"])
        move = {"id": world.requirement, "version": 1, "to": {"blockId": block}}
        answer = await world.answer("editor", MOVE, **move)
        assert answer["errors"][0]["extensions"]["code"] == code
        assert answer["errors"][0]["extensions"]["field"] == ["placeAt", "blockId"]


async def test_a_requirement_needs_a_document_that_the_viewer_sees(world, other_world, new):
    for document in (other_world.document, world.block):
        with pytest.raises(Refused) as refused:
            await new(documentId=document)
        assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["input", "documentId"])


async def test_foreign_requirements_do_not_exist(world, other_world):
    theirs = {"id": other_world.requirement, "version": 1}
    assert await world.code("owner", UPDATE, **theirs, input={"name": "Ours"}) == "NOT_FOUND"
    assert await world.code("owner", DELETE, **theirs) == "NOT_FOUND"
    assert await world.code("owner", MOVE, **theirs, to={"at": {"end": "START"}}) == "NOT_FOUND"
    assert await other_world.code("owner", DELETE, **theirs) is None
    assert await world.code("owner", RESTORE, **theirs | {"version": 2}) == "NOT_FOUND"
