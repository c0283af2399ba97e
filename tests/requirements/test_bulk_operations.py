"""Bulk operations: queries as jobs, mutations fed from files, their rights, and lost workers."""

from uuid import UUID

import pytest

from db.problem import Problem
from graph.http.operation.operations import Operations
from graph.platform.bulk import input as bulk_input
from graph.platform.bulk import output
from graph.requirements.bulk_operations import KINDS
from graph.schema import schema
from tests.platform.jobs.kinds import make_due
from tests.platform.jobs.recorded import transfers_of
from tests.requirements.bulk_jobs import MUTATION, QUERY, BulkJobs
from tests.requirements.transferring import Transfers
from tests.storage.uploading import Uploading

LIST = """query ($document: UUID!) { document(id: $document) { ...All } }
    fragment All on Document { requirements(first: 2) { edges { node { name } } } }"""
CREATE = """mutation ($items: [RequirementCreateInput!]!, $onError: OnError!) {
    requirementsCreate(items: $items, onError: $onError) {
        results { requirement { name } error { code } } } }"""
RENAME = """mutation ($id: UUID!, $name: String!) {
    requirementUpdate(id: $id, expectedVersion: 1, input: {name: $name}) {
        requirement { name version } } }"""


@pytest.fixture(scope="module")
def operations(settings):
    return Operations(schema, settings)


@pytest.fixture
def bulk(world, client, app, operations, settings):
    return BulkJobs(Transfers(Uploading(world, app.state.storage, client)), operations, settings)


def items(world, *names):
    return [{"documentId": str(world.document), "name": name} for name in names]


async def names(world):
    rows = await world.superuser.fetch(
        "SELECT name FROM requirements WHERE document_id = $1 ORDER BY position, id", world.document
    )
    return [row["name"] for row in rows]


async def test_a_file_of_lines_is_created_and_read_back_page_by_page(bulk, monkeypatch):
    monkeypatch.setattr(output, "FILE_BYTES", 100)
    monkeypatch.setattr(bulk_input, "PIECE", 50)
    world = bulk.world
    lines = items(world, *(f"R{number}" for number in range(1, 8)))
    lines[3:3] = [b"", b"{broken", b"[1]", {"documentId": str(world.document), "name": 5}]
    id = await bulk.fed(
        "editor", CREATE, lines, itemsVariable="items", variables={"onError": "CONTINUE"}
    )
    await bulk.run()
    results = await bulk.result(id, "editor")
    spans = [(line["firstLine"], line["lastLine"], "errors" in line) for line in results]
    assert spans[:3] == [(1, 3, False), (5, 5, True), (6, 6, True)]
    assert spans[3:] == [
        (7, 7, True),
        (8, 8, False),
        (9, 9, False),
        (10, 10, False),
        (11, 11, False),
    ]
    assert [line["errors"][0]["extensions"]["code"] for line in results[1:4]] == ["INVALID"] * 3
    job = await bulk.job(id, "editor")
    assert job["bulkResult"]["errors"] == 3
    assert len(job["bulkResult"]["files"]) > 1
    stored = await names(world)
    assert stored[-7:] == [f"R{number}" for number in range(1, 8)]
    found = await bulk.asked("viewer", LIST, document=world.document)
    assert [each["name"] for each in found] == stored


async def test_an_exported_result_is_an_event_with_its_lines_and_the_digests_of_its_files(bulk):
    found = await bulk.asked("viewer", LIST, document=bulk.world.document)
    (event,) = await transfers_of(bulk.world, "EXPORT")
    assert (event["action"], event["soc2Control"], event["entityType"]) == (
        "export",
        "CC6.7",
        "Job",
    )
    assert event["actor"]["id"] == str(bulk.world.people["viewer"])
    assert event["details"]["rows"] == len(found) > 0
    job = await bulk.job(event["entityId"], "viewer")
    assert [len(digest) for digest in event["details"]["sha256"]] == [64]
    assert len(job["bulkResult"]["files"]) == 1


async def test_a_query_without_a_list_has_one_line(bulk):
    found = await bulk.asked("viewer", "{ viewer { profile { id } } }")
    assert found == [{"viewer": {"profile": {"id": str(bulk.world.people["viewer"])}}}]


async def test_a_job_whose_worker_is_lost_goes_on_where_it_was(bulk, monkeypatch):
    world = bulk.world
    monkeypatch.setattr(output, "FILE_BYTES", 1)
    first = await bulk.fed(
        "editor",
        CREATE,
        items(world, "A", "B"),
        itemsVariable="items",
        variables={"onError": "ABORT"},
    )
    await bulk.run()
    await bulk.result(first, "editor")
    runs = []
    query = bulk.operations.executions.run

    async def stumbling(document, params, *rest):
        if "_bulkAfter" in (params.variables or {}):
            runs.append(params.variables["_bulkAfter"])
            if len(runs) == 2:
                raise Problem("BUSY", "The worker stumbles.")
        return await query(document, params, *rest)

    monkeypatch.setattr(bulk.operations.executions, "run", stumbling)
    id = await bulk.started("viewer", QUERY, query=LIST, variables={"document": world.document})
    await bulk.run()
    assert (await bulk.job(id, "viewer"))["status"] == "QUEUED"
    await make_due(world, id)
    await bulk.run()
    assert [each["name"] for each in await bulk.result(id, "viewer")] == await names(world)
    assert runs[0] is None
    assert runs[1] == runs[2] is not None, "it goes on, and does not begin again"


async def test_a_line_whose_answer_was_lost_is_not_run_again(bulk, monkeypatch):
    world = bulk.world
    line = {"id": str(world.requirement), "name": "Renamed"}
    id = await bulk.fed("editor", RENAME, [line])
    store = output.Output.write

    async def failing(self, values, state, errors=0):
        if not runs:
            runs.append(values)
            raise Problem("BUSY", "The storage is away.")
        await store(self, values, state, errors)

    runs = []
    monkeypatch.setattr(output.Output, "write", failing)
    await bulk.run()
    await make_due(world, id)
    await bulk.run()
    (result,) = await bulk.result(id, "editor")
    assert result["data"]["requirementUpdate"]["requirement"] == {"name": "Renamed", "version": 2}


async def test_a_job_has_the_rights_of_who_started_it(bulk):
    world = bulk.world
    id = await bulk.fed("editor", RENAME, [{"id": str(world.requirement), "name": "X"}])
    await world.superuser.execute(
        "UPDATE jobs SET user_id = $2 WHERE id = $1", UUID(id), world.people["viewer"]
    )
    await bulk.run()
    (result,) = await bulk.result(id, "viewer")
    assert result["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert "X" not in await names(world)
    other = {"query": "{ viewer { profile { id } } }"}
    assert await bulk.code("outsider", QUERY, **other) == "NOT_FOUND"
    file = await bulk.transfers.uploaded("lines.jsonl", b"{}")
    assert await bulk.code("outsider", MUTATION, mutation=RENAME, fileId=file) == "NOT_FOUND"
    token = await bulk.started("viewer", QUERY, query=LIST, variables={"document": world.document})
    await world.superuser.execute(
        "UPDATE jobs SET scopes = '{projects:read}' WHERE id = $1", UUID(token)
    )
    await bulk.run()
    job = await bulk.job(token, "viewer")
    assert job["status"] == "FAILED"
    assert "scope" in job["error"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("{ requirements { nodes { id } } projects { nodes { id } } }", "several lists"),
        ('{ requirements(after: "x") { nodes { id } } }', "leave out `after`"),
        (RENAME, "This is a mutation"),
        ("{ requirements { nodes { nothing } } }", "nothing"),
        ("{ __schema { types { name } } }", "Introspection"),
    ],
)
async def test_what_cannot_be_run_is_refused_at_once(bulk, query, said):
    given = {"organizationId": bulk.world.organization, "query": query}
    (error,) = (await bulk.world.answer("viewer", QUERY, input=given))["errors"]
    assert error["extensions"]["code"] == "INVALID"
    assert error["extensions"]["field"] == ["input", "query"]
    assert said in error["message"]


async def test_an_organization_has_five_bulk_operations_at_a_time(bulk):
    query = {"query": "{ viewer { profile { id } } }"}
    for person in ("viewer", "editor", "admin", "owner", "viewer"):
        assert await bulk.code(person, QUERY, **query) is None
    assert await bulk.code("editor", QUERY, **query) == "LIMIT_REACHED"
    await bulk.run()
    assert await bulk.code("editor", QUERY, **query) is None
    assert {kind.name for kind in KINDS} == {"bulk.query", "bulk.mutation"}
