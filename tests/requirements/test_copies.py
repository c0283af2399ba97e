"""Copies of documents and projects: what is in them, who may make them, and what is recorded."""

import json

from graph.requirements.copying.jobs import KINDS
from tests.platform.jobs.kinds import worker
from tests.requirements.linking import BULK, elsewhere, link, requirements
from tests.requirements.verifying import case, record

COPY = """mutation ($id: UUID!, $input: DocumentCopyInput!) { documentCopy(id: $id, input: $input) {
    document { id name slug projectId isTemplate version } omittedProperties
    counts { documents blocks requirements columns traceLinks testCases } } }"""
COPY_PROJECT = """mutation ($id: UUID!, $input: ProjectCopyInput!) {
    projectCopy(id: $id, input: $input) {
    project { id name slug visibility documents { nodes { id name slug } } }
    counts { documents blocks requirements columns traceLinks testCases } } }"""
TREE = """query ($id: UUID!) { document(id: $id) {
    name description tags properties { nodes { id key name } }
    blocks(first: 100) { nodes { id name type content position version parent { name }
        columns { nodes { width defaultValue position property { id key documentId } } } } }
    requirements(first: 100) { nodes { id version name description externalId status priority level
        position tags properties block { id name } createdBy { id }
        outgoingLinks { nodes { linkType suspect target { entityId } } }
        executions { nodes { executionStatus testCase { id title testId status } } } } } } }"""
BLOCK = """mutation ($input: BlockCreateInput!) { blockCreate(input: $input) { block { id } } }"""
PROPERTY = """mutation ($input: PropertyCreateInput!) {
    propertyCreate(input: $input) { property { id } } }"""
COLUMN = (
    """mutation ($input: ColumnCreateInput!) { columnCreate(input: $input) { column { id } } }"""
)
RULE = """mutation ($input: NumberingRuleCreateInput!) {
    numberingRuleCreate(input: $input) { numberingRule { id } } }"""
REQUIREMENT = """mutation ($input: RequirementCreateInput!) {
    requirementCreate(input: $input) { requirement { id } } }"""
RENAME = """mutation ($id: UUID!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: 1, input: $input) { requirement { id } } }"""
PAST = """query ($id: UUID!) { requirement(id: $id, atVersion: 1) {
    name properties tags position } }"""
TEMPLATE = """mutation ($id: UUID!, $input: DocumentUpdateInput!) {
    documentUpdate(id: $id, expectedVersion: 1, input: $input) { document { isTemplate } } }"""
DELETE = """mutation ($id: UUID!) {
    requirementDelete(id: $id, expectedVersion: 1) { requirement { id } } }"""


async def made(world, query, by="editor", **input):
    return (await world.ask(by, query, input=input)).popitem()[1]["id"]


async def furnished(world):
    """Fill the document: nested blocks, a table, values, links, a test; return what matters."""
    place = {"documentId": world.document}
    outer = await made(world, BLOCK, **place, name="Outer", content={"text": "Hello"})
    inner = await made(world, BLOCK, **place, name="Inner", parentId=outer, type="table")
    owner = {"by": "owner", "propertyType": "NUMBER"}
    mass = await made(world, PROPERTY, **owner, projectId=world.project, name="Mass")
    own = await made(world, PROPERTY, **owner, documentId=world.document, name="Own")
    for property_ in (mass, own):
        column = {"blockId": inner, "propertyId": property_, "width": 120, "defaultValue": 3}
        await made(world, COLUMN, **column)
    ids = await requirements(world, 3)
    values = {"properties": {"Mass": 7}, "tags": ["a", "b"], "priority": "HIGH"}
    held = await made(
        world, REQUIREMENT, **place, name="Held", blockId=inner, status="APPROVED", **values
    )
    await link(world, ids[0], held, linkType="REFINES")
    await link(world, ids[0], ids[2], linkType="REFINES")
    await world.ask("editor", DELETE, id=ids[2])
    return ids[0], held


def content(tree):
    """Return what a tree shows besides IDs."""
    blocks = [
        (
            *(block[name] for name in ("name", "type", "content", "position", "parent")),
            [
                (one["width"], one["defaultValue"], one["position"], one["property"]["key"])
                for one in block["columns"]["nodes"]
            ],
        )
        for block in tree["blocks"]["nodes"]
    ]
    names = ("name", "description", "externalId", "priority", "level", "position", "tags")
    rows = [
        (
            *(row[name] for name in (*names, "properties")),
            row["block"] and row["block"]["name"],
        )
        for row in tree["requirements"]["nodes"]
    ]
    return tree["description"], tree["tags"], blocks, rows


async def test_a_document_is_copied_whole_and_recorded_like_new_rows(world):
    _, held = await furnished(world)
    before = await world.ask("viewer", TREE, id=world.document)
    copied = await world.ask("owner", COPY, id=world.document, input={"name": "Copy"})
    document = copied["document"]
    assert (document["name"], document["slug"], document["projectId"]) == (
        "Copy",
        "copy",
        str(world.project),
    )
    rows = len(before["requirements"]["nodes"])
    assert copied["counts"] == {
        "documents": 1,
        "blocks": len(before["blocks"]["nodes"]),
        "requirements": rows,
        "columns": 2,
        "traceLinks": 1,
        "testCases": 0,
    }
    after = await world.ask("viewer", TREE, id=document["id"])
    assert content(after) == content(before)
    assert await world.ask("viewer", TREE, id=world.document) == before
    old = {row["id"] for row in before["requirements"]["nodes"]}
    by_name = {row["name"]: row for row in after["requirements"]["nodes"]}
    assert not old & {row["id"] for row in by_name.values()}
    assert {row["status"] for row in by_name.values()} == {"DRAFT"}
    (joined,) = by_name["R0"]["outgoingLinks"]["nodes"]
    assert joined == {
        "linkType": "REFINES",
        "suspect": False,
        "target": {"entityId": by_name["Held"]["id"]},
    }
    # Properties of the project are shared, and those of the document are its own.
    shown = {
        one["property"]["key"]: one["property"]
        for block in after["blocks"]["nodes"]
        for one in block["columns"]["nodes"]
    }
    assert shown["Own"]["documentId"] == document["id"]
    assert shown["Mass"]["documentId"] is None

    (written,) = await world.records(by_name["Held"]["id"])
    (example,) = [r for r in await world.records(held) if r["action"] == "create"]
    same = ("entity_type", "resource_type", "action", "version", "event_type", "severity")
    assert [written[name] for name in same] == [example[name] for name in same]
    assert written["actor_id"] == world.people["owner"]
    assert str(written["document_id"]) == document["id"]
    data, model = (json.loads(event["new_data"]) for event in (written, example))
    assert data.keys() == model.keys()
    moved = {"id", "document_id", "block_id", "status"}
    assert {k: v for k, v in data.items() if k not in moved} == {
        k: v for k, v in model.items() if k not in moved
    }
    assert sorted(written["changed_fields"]) == sorted(example["changed_fields"])


async def test_the_history_of_a_copy_begins_with_it(world):
    await furnished(world)
    copied = await world.ask("owner", COPY, id=world.document, input={})
    tree = await world.ask("viewer", TREE, id=copied["document"]["id"])
    (row,) = [row for row in tree["requirements"]["nodes"] if row["name"] == "Held"]
    assert row["version"] == 1
    await world.ask("editor", RENAME, id=row["id"], input={"name": "Changed"})
    then = await world.ask("viewer", PAST, id=row["id"])
    assert then == {name: row[name] for name in ("name", "properties", "tags", "position")}


async def test_numbers_are_kept_or_given_by_the_rules_of_the_target(world):
    await requirements(world, 2)
    rule = {"projectId": world.project, "prefix": "SYS-"}
    await made(world, RULE, "owner", **rule)
    kept = await world.ask("editor", COPY, id=world.document, input={"links": False})
    tree = await world.ask("viewer", TREE, id=kept["document"]["id"])
    names = {row["name"]: row["externalId"] for row in tree["requirements"]["nodes"]}
    assert (names["R0"], names["R1"]) == ("R-0", "R-1")
    renumber = {"numbers": "RENUMBER", "keepStatus": True}
    given = await world.ask("editor", COPY, id=world.document, input=renumber)
    tree = await world.ask("viewer", TREE, id=given["document"]["id"])
    found = [row["externalId"] for row in tree["requirements"]["nodes"]]
    assert found == [f"SYS-{number:03}" for number in range(1, len(found) + 1)]
    _, document = await elsewhere(world)
    far = await world.superuser.fetchval("SELECT project_id FROM documents WHERE id = $1", document)
    input = {"numbers": "RENUMBER", "projectId": far}
    there = await world.ask("editor", COPY, id=world.document, input=input)
    tree = await world.ask("viewer", TREE, id=there["document"]["id"])
    assert {row["externalId"] for row in tree["requirements"]["nodes"]} == {None}


async def test_tests_are_copied_without_their_results(world):
    first, held = await furnished(world)
    stops, linked = await case(world, testId="T-1"), await case(world, title="Linked")
    for status in ("FAIL", "PASS"):
        await record(world, stops, status, requirementId=held)
    await link(world, linked["id"], first, linkType="VERIFIES")
    copied = await world.ask("owner", COPY, id=world.document, input={"tests": True})
    assert (copied["counts"]["testCases"], copied["counts"]["traceLinks"]) == (2, 2)
    tree = await world.ask("viewer", TREE, id=copied["document"]["id"])
    (row,) = [row for row in tree["requirements"]["nodes"] if row["name"] == "Held"]
    (run,) = row["executions"]["nodes"]
    assert run["executionStatus"] == "NOT_RUN"
    assert run["testCase"]["id"] != stops["id"]
    assert (run["testCase"]["title"], run["testCase"]["testId"], run["testCase"]["status"]) == (
        "Stops in time",
        None,  # the identifier is used in the project
        "PLANNED",
    )


async def test_a_copy_needs_the_rights_at_both_places(world, other_world):
    await furnished(world)
    project, _ = await elsewhere(world)

    async def code(person, **input):
        return await world.code(person, COPY, id=world.document, input=input)

    assert await code("viewer") == "FORBIDDEN"
    assert await code("outsider") == "NOT_FOUND"
    assert await code("project_editor", projectId=project) == "NOT_FOUND"
    assert await code("document_editor") in ("FORBIDDEN", "NOT_FOUND")
    assert await code("owner", projectId=other_world.project) == "NOT_FOUND"
    await other_world.superuser.execute(
        "UPDATE projects SET visibility = 'public' WHERE id = $1", other_world.project
    )
    assert await code("owner", projectId=other_world.project) == "INVALID"  # they can read it
    public = await world.code("owner", COPY, id=other_world.document, input={})
    assert public in ("FORBIDDEN", "NOT_FOUND")
    there = {"projectId": world.project}
    public = await world.code("owner", COPY, id=other_world.document, input=there)
    assert public == "INVALID"
    await other_world.close_projects()
    # An editor may not define properties: what the target lacks is left out, and named.
    copied = await world.ask("editor", COPY, id=world.document, input={"projectId": str(project)})
    assert copied["omittedProperties"] == ["Mass", "Own"]
    assert copied["counts"]["columns"] == 0
    tree = await world.ask("viewer", TREE, id=copied["document"]["id"])
    (row,) = [row for row in tree["requirements"]["nodes"] if row["name"] == "Held"]
    assert row["properties"]["Mass"] == 7
    mass = {"projectId": project, "name": "Mass", "propertyType": "NUMBER"}
    await made(world, PROPERTY, "owner", **mass)
    copied = await world.ask("editor", COPY, id=world.document, input={"projectId": str(project)})
    assert (copied["omittedProperties"], copied["counts"]["columns"]) == (["Own"], 1)


async def test_a_project_is_copied_with_all_of_its_documents(world):
    first, held = await furnished(world)
    other = await world.ask("owner", COPY, id=world.document, input={"name": "Second"})
    tree = await world.ask("viewer", TREE, id=other["document"]["id"])
    target = tree["requirements"]["nodes"][-1]["id"]
    items = [{"sourceId": first, "targetId": target}]
    assert (await world.ask("editor", BULK, items=items))["failed"] == 0
    await made(world, RULE, "owner", projectId=world.project, prefix="SYS-")
    tested = await case(world, testId="T-1")
    await record(world, tested, "PASS", requirementId=held)
    input = {"name": "Variant", "slug": "variant"}
    copied = await world.ask("owner", COPY_PROJECT, id=world.project, input=input)
    assert copied["project"]["visibility"] == "PRIVATE"
    assert copied["counts"]["traceLinks"] == 3
    assert (copied["counts"]["documents"], copied["counts"]["testCases"]) == (2, 1)
    documents = copied["project"]["documents"]["nodes"]
    copy = await world.ask("owner", TREE, id=documents[0]["id"])
    before = await world.ask("owner", TREE, id=world.document)
    assert content(copy) == content(before)
    (row,) = [row for row in copy["requirements"]["nodes"] if row["name"] == "Held"]
    (run,) = row["executions"]["nodes"]
    assert run["testCase"]["testId"] == "T-1"
    again = await world.code("owner", COPY_PROJECT, id=world.project, input=input)
    assert again == "ALREADY_EXISTS"
    assert await world.code("editor", COPY_PROJECT, id=world.project, input=input) == "FORBIDDEN"


async def test_templates_are_listed_and_their_copies_are_none(world):
    marked = await world.ask("editor", TEMPLATE, id=world.document, input={"isTemplate": True})
    assert marked["document"]["isTemplate"]
    listed = """query ($id: UUID!) { project(id: $id) {
        documents(filter: { isTemplate: { eq: true } }) { nodes { id } } } }"""
    copied = await world.ask("editor", COPY, id=world.document, input={"name": "From template"})
    assert not copied["document"]["isTemplate"]
    found = await world.ask("viewer", listed, id=world.project)
    assert found["documents"]["nodes"] == [{"id": str(world.document)}]


START = """mutation ($id: UUID!, $input: DocumentCopyInput!) {
    documentCopyStart(id: $id, input: $input) { jobId job { kind } } }"""
START_PROJECT = """mutation ($id: UUID!, $input: ProjectCopyInput!) {
    projectCopyStart(id: $id, input: $input) { jobId } }"""
JOB = "query ($id: UUID!) { job(id: $id) { status progress result error } }"


async def test_a_job_copies_as_a_request_does_and_reports_its_progress(world):
    await furnished(world)
    options = {"tests": True, "numbers": "RENUMBER"}
    input = {"slug": "by-request", "name": "Copy", **options}
    direct = await world.ask("editor", COPY, id=world.document, input=input)
    started = await world.ask("editor", START, id=world.document, input={**input, "slug": "by-job"})
    assert started["job"]["kind"] == "copies.document"
    whole = {"name": "Whole", "slug": f"whole-{world.name}", "visibility": "ORGANIZATION"}
    other = await world.ask("owner", START_PROJECT, id=world.project, input=whole)
    await worker(world.database, *KINDS).run_due()
    job = await world.ask("editor", JOB, id=started["jobId"])
    assert (job["status"], job["progress"], job["error"]) == ("SUCCEEDED", 1.0, None)
    assert job["result"]["counts"] == direct["counts"]
    assert job["result"]["omittedProperties"] == direct["omittedProperties"]
    trees = [
        content(await world.ask("viewer", TREE, id=id))
        for id in (direct["document"]["id"], job["result"]["documentId"])
    ]
    assert trees[0] == trees[1]
    done = await world.ask("owner", JOB, id=other["jobId"])
    read = "query ($id: UUID!) { project(id: $id) { visibility documents { totalCount } } }"
    made = await world.ask("owner", read, id=done["result"]["projectId"])
    assert made["visibility"] == "ORGANIZATION"
    assert made["documents"]["totalCount"] == done["result"]["counts"]["documents"] >= 2


async def test_a_copy_by_a_job_is_refused_before_it_starts_and_after(world):
    input = {"slug": "taken", "name": "Copy"}
    start = {"id": world.document, "input": input}
    assert await world.code("viewer", START, **start) == "FORBIDDEN"
    assert await world.code("outsider", START, **start) == "NOT_FOUND"
    assert await world.code("editor", START_PROJECT, id=world.project, input=input) == "FORBIDDEN"
    await world.ask("editor", COPY, **start)
    started = await world.ask("editor", START, **start)
    await worker(world.database, *KINDS).run_due()
    job = await world.ask("editor", JOB, id=started["jobId"])
    assert job["status"] == "FAILED"
    assert job["result"] is None
