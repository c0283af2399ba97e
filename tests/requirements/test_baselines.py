"""Baselines: complete, immutable, and readable by those who may read their contents."""

from hashlib import sha256

import asyncpg
import pytest

from db.fields import PRESENT_ONLY
from graph.requirements.sql.baseline_contents import UNFROZEN
from tests.contexts import enter
from tests.world import Refused

CREATE = """mutation ($input: BaselineCreateInput!) { baselineCreate(input: $input) { baseline {
  id version name contentHash verified counts { entityType count } } } }"""
ITEMS = """query ($id: UUID!, $after: String) { baseline(id: $id) { contentHash
  items(first: 1000, after: $after) { totalCount pageInfo { hasNextPage endCursor }
    nodes { entityType entityId version data canonical contentHash } } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
  requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
    requirement { id version } } }"""


async def frozen(world, person="editor", **input):
    input = {"name": "Release", "documentId": world.document} | input
    payload = await world.ask(person, CREATE, input=input)
    return payload["baseline"]


async def items_of(world, id, person="editor"):
    baseline = await world.ask(person, ITEMS, id=id, after=None)
    assert not baseline["items"]["pageInfo"]["hasNextPage"]
    assert baseline["items"]["totalCount"] == len(baseline["items"]["nodes"])
    return baseline["items"]["nodes"]


async def test_a_baseline_of_a_document_holds_what_is_in_it_and_hangs_on_it(world, linked):
    baseline = await frozen(world)
    held = {item["entityId"]: item["entityType"] for item in await items_of(world, baseline["id"])}
    assert held == {
        str(world.document): "DOCUMENT",
        str(world.block): "BLOCK",
        str(world.requirement): "REQUIREMENT",
        str(linked["second"]): "REQUIREMENT",
        str(linked["test"]): "TEST_CASE",
        str(linked["run"]): "TEST_EXECUTION",
        str(linked["inside"]): "TRACE_LINK",
    }
    counts = {count["entityType"]: count["count"] for count in baseline["counts"]}
    assert counts == {
        "DOCUMENT": 1,
        "BLOCK": 1,
        "REQUIREMENT": 2,
        "TEST_CASE": 1,
        "TEST_EXECUTION": 1,
        "TRACE_LINK": 1,
    }


async def test_a_baseline_of_a_project_holds_all_documents_tests_and_links(world, linked):
    baseline = await frozen(world, documentId=None, projectId=world.project)
    types = [item["entityType"] for item in await items_of(world, baseline["id"])]
    assert {name: types.count(name) for name in sorted(set(types))} == {
        "BLOCK": 1,
        "DOCUMENT": 2,
        "REQUIREMENT": 3,
        "TEST_CASE": 2,
        "TEST_EXECUTION": 1,
        "TRACE_LINK": 2,
    }


async def test_what_is_deleted_or_beneath_what_is_deleted_is_not_frozen(world, linked):
    await world.superuser.execute("UPDATE blocks SET deleted_at = now() WHERE id = $1", world.block)
    await world.superuser.execute(
        "UPDATE trace_links SET deleted_at = now() WHERE id = $1", linked["inside"]
    )
    baseline = await frozen(world)
    held = {item["entityId"] for item in await items_of(world, baseline["id"])}
    assert held == {str(world.document), str(linked["second"])}


async def test_an_item_stays_at_its_version_whatever_becomes_of_the_row(world):
    baseline = await frozen(world)
    before = await items_of(world, baseline["id"])
    await world.ask("editor", UPDATE, id=world.requirement, version=1, input={"name": "Another"})
    assert await items_of(world, baseline["id"]) == before
    await world.superuser.execute("DELETE FROM requirements WHERE id = $1", world.requirement)
    assert await items_of(world, baseline["id"]) == before
    (item,) = [item for item in before if item["entityType"] == "REQUIREMENT"]
    assert (item["version"], item["data"]["name"]) == (1, f"Requirement {world.name}")
    assert item["data"]["blockId"] == str(world.block)


async def test_an_auditor_computes_the_same_hash(world, linked):
    baseline = await frozen(world)
    lines = []
    for item in await items_of(world, baseline["id"]):
        hashed = sha256(item["canonical"].encode()).hexdigest()
        assert item["contentHash"] == hashed
        type_ = "".join(word.title() for word in item["entityType"].split("_"))
        lines.append(f"{type_} {item['entityId']} {hashed}\n")
    assert baseline["contentHash"] == sha256("".join(sorted(lines)).encode()).hexdigest()
    assert baseline["verified"] is True


async def test_the_same_content_has_the_same_hash_whoever_freezes_it(world, linked):
    first, second = await frozen(world), await frozen(world, "document_editor", name="Again")
    assert first["contentHash"] == second["contentHash"]
    await world.ask("editor", UPDATE, id=world.requirement, version=1, input={"name": "Another"})
    assert (await frozen(world))["contentHash"] != first["contentHash"]


async def test_a_row_comes_back_from_its_item(world, linked):
    baseline = await frozen(world)
    for table, type_ in (
        ("requirements", "Requirement"),
        ("test_req", "TestCase"),
        ("requirement_tests", "TestExecution"),
        ("blocks", "Block"),
    ):
        columns = await world.superuser.fetchval(
            "SELECT string_agg(format('r.%1$I IS NOT DISTINCT FROM t.%1$I', attname), ' AND ')"
            " FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0"
            " AND NOT attisdropped AND attgenerated = '' AND attname <> ALL($2)",
            table,
            [*PRESENT_ONLY, *UNFROZEN],
        )
        same = await world.superuser.fetchval(
            f"SELECT bool_and({columns}) FROM baseline_items AS i,"
            f" jsonb_populate_record(NULL::{table}, i.data) AS r JOIN {table} AS t USING (id)"
            " WHERE i.baseline_id = $1::text::uuid AND i.entity_type = $2",
            baseline["id"],
            type_,
        )
        assert same is True, table


async def test_its_creation_is_one_event_with_its_hash(world):
    baseline = await frozen(world)
    (event,) = await world.records(baseline["id"])
    assert (event["action"], event["resource_type"]) == ("create", "baseline")
    assert baseline["contentHash"] in event["new_data"]
    assert (
        await world.superuser.fetchval(
            "SELECT count(*) FROM audit_logs WHERE xid = $1", event["xid"]
        )
        == 1
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("person", "code"),
    [
        ("viewer", "FORBIDDEN"),
        ("project_viewer", "FORBIDDEN"),
        ("member", "NOT_FOUND"),
        ("outsider", "NOT_FOUND"),
        (None, "UNAUTHENTICATED"),
        ("document_editor", None),
        ("project_editor", None),
    ],
)
async def test_editors_freeze(world, person, code):
    assert (
        await world.code(person, CREATE, input={"name": "R", "documentId": world.document}) == code
    )
    if person == "document_editor":
        code = "NOT_FOUND"
    assert await world.code(person, CREATE, input={"name": "R", "projectId": world.project}) == code


async def test_who_has_a_role_in_the_document_alone_sees_no_tests_and_links(world, linked):
    baseline = await frozen(world)
    types = {i["entityType"] for i in await items_of(world, baseline["id"], "document_editor")}
    assert types == {"DOCUMENT", "BLOCK", "REQUIREMENT"}
    query = "query ($id: UUID!) { baseline(id: $id) { counts { entityType } verified } }"
    seen = await world.ask("document_editor", query, id=baseline["id"])
    assert {count["entityType"] for count in seen["counts"]} == types
    assert seen["verified"] is True


async def test_it_is_listed_with_its_document_and_project_and_hidden_with_them(world):
    whole = await frozen(world, documentId=None, projectId=world.project, name="Whole")
    one = await frozen(world, name="One")
    query = """query ($document: UUID!, $project: UUID!) {
      document(id: $document) { baselines { nodes { id } } }
      project(id: $project) { baselines(orderBy: [{ by: NAME }]) { nodes { id name } } } }"""
    places = {"document": world.document, "project": world.project}
    found = await world.ask("viewer", query, **places)
    assert [node["id"] for node in found["document"]["baselines"]["nodes"]] == [one["id"]]
    nodes = found["project"]["baselines"]["nodes"]
    assert [node["id"] for node in nodes] == [one["id"], whole["id"]]
    await world.superuser.execute(
        "UPDATE documents SET deleted_at = now() WHERE id = $1", world.document
    )
    assert await world.code("viewer", ITEMS, id=one["id"]) == "NOT_FOUND"
    assert await world.code("viewer", ITEMS, id=whole["id"]) is None


async def test_administrators_hide_it_and_bring_it_back_unchanged(world):
    baseline = await frozen(world)
    arguments = "(id: $id, expectedVersion: $v)"
    declared = "mutation ($id: UUID!, $v: BigInt!)"
    delete = f"{declared} {{ baselineDelete{arguments} {{ baseline {{ id }} }} }}"
    back = "{ baseline { contentHash verified } }"
    restore = f"{declared} {{ baselineRestore{arguments} {back} }}"
    assert await world.code("editor", delete, id=baseline["id"], v=1) == "FORBIDDEN"
    assert await world.code("project_admin", delete, id=baseline["id"], v=1) is None
    assert await world.code("owner", ITEMS, id=baseline["id"]) == "NOT_FOUND"
    payload = await world.ask("project_admin", restore, id=baseline["id"], v=2)
    back = payload["baseline"]
    assert back == {"contentHash": baseline["contentHash"], "verified": True}


@pytest.mark.parametrize(
    ("input", "field"),
    [
        ({"name": " "}, ["input", "name"]),
        ({"name": "A\0B"}, ["input", "name"]),
        ({"name": "x" * 501}, ["input", "name"]),
        ({"documentId": None}, ["input", "documentId"]),
        ({"projectId": "project"}, ["input", "documentId"]),
    ],
)
async def test_bad_input_is_refused_and_freezes_nothing(world, input, field):
    if "projectId" in input:
        input = {"projectId": world.project}
    with pytest.raises(Refused) as refused:
        await frozen(world, **input)
    assert (refused.value.code, refused.value.field) == ("INVALID", field)
    for table in ("baselines", "baseline_items"):
        query = f"SELECT count(*) FROM {table} WHERE organization_id = $1"
        assert await world.superuser.fetchval(query, world.organization) == 0


CHANGES = {
    "items cannot be changed": "UPDATE baseline_items SET version = 2 WHERE baseline_id = $1",
    "items cannot be deleted": "DELETE FROM baseline_items WHERE baseline_id = $1",
    "items cannot be added": "INSERT INTO baseline_items SELECT organization_id, project_id,"
    " baseline_id, entity_type, gen_random_uuid(), version, document_id, parent_id, position, data,"
    " content_hash FROM baseline_items WHERE baseline_id = $1",
    "a hash cannot be changed": "UPDATE baselines SET content_hash = sha256('') WHERE id = $1",
    "a name cannot be changed": "UPDATE baselines SET name = 'Another' WHERE id = $1",
    "a baseline cannot be removed": "DELETE FROM baselines WHERE id = $1",
}


@pytest.mark.slow
@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
async def test_no_statement_of_the_application_changes_a_baseline(world, statement):
    baseline = await frozen(world)
    transaction = world.superuser.transaction()
    await transaction.start()
    try:
        await enter(world.superuser, organizations=[world.organization])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.superuser.execute(statement.replace("$1", f"'{baseline['id']}'::uuid"))
    finally:
        await transaction.rollback()


TAMPERING = {
    "an item's data": 'UPDATE baseline_items SET data = data || \'{"name": "Forged"}\'',
    "an item's version": "UPDATE baseline_items SET version = version + 1",
    "an item's place": "UPDATE baseline_items SET parent_id = gen_random_uuid()",
    "an item's data and hash": 'UPDATE baseline_items SET data = data || \'{"name": "Forged"}\','
    " content_hash = sha256(convert_to((data || '{\"name\": \"Forged\"}')::text, 'UTF8'))",
    "an item": "DELETE FROM baseline_items",
}


@pytest.mark.slow
@pytest.mark.parametrize("statement", TAMPERING.values(), ids=TAMPERING)
async def test_whatever_a_superuser_forges_is_noticed(world, statement):
    baseline = await frozen(world)
    async with world.superuser.transaction():
        await world.superuser.execute("SET LOCAL session_replication_role = replica")
        await world.superuser.execute(
            f"{statement} WHERE baseline_id = $1::text::uuid AND entity_type = 'Requirement'",
            baseline["id"],
        )
    query = "query ($id: UUID!) { baseline(id: $id) { verified } }"
    assert await world.ask("viewer", query, id=baseline["id"]) == {"verified": False}


async def test_a_whole_baseline_made_anew_is_contradicted_by_the_record(world):
    baseline = await frozen(world)
    empty = sha256(b"").digest()
    async with world.superuser.transaction():
        await world.superuser.execute("SET LOCAL session_replication_role = replica")
        await world.superuser.execute(
            "DELETE FROM baseline_items WHERE baseline_id = $1::text::uuid", baseline["id"]
        )
        await world.superuser.execute(
            "UPDATE baselines SET content_hash = $2 WHERE id = $1::text::uuid",
            baseline["id"],
            empty,
        )
    query = "query ($id: UUID!) { baseline(id: $id) { verified } }"
    assert await world.ask("viewer", query, id=baseline["id"]) == {"verified": False}


async def test_a_purge_takes_baselines_of_the_document_and_leaves_those_of_the_project(world):
    whole = await frozen(world, documentId=None, projectId=world.project)
    one = await frozen(world)
    await world.superuser.execute(
        "UPDATE documents SET deleted_at = now() - interval '31 days' WHERE id = $1", world.document
    )
    purge = "mutation ($ids: [UUID!]) { purge(ids: $ids) { purged { entityType count } } }"
    purged = (await world.ask("owner", purge, ids=[world.document]))["purged"]
    assert {"entityType": "BASELINE", "count": 1} in purged
    left = await world.superuser.fetch(
        "SELECT DISTINCT baseline_id::text FROM baseline_items WHERE organization_id = $1",
        world.organization,
    )
    assert [row["baseline_id"] for row in left] == [whole["id"]]
    held = {item["entityId"] for item in await items_of(world, whole["id"])}
    assert str(world.document) in held
    *_, event = await world.records(one["id"])
    assert event["action"] == "purge"
