"""Reading the past: rows, and whole documents, as they were at a version or a time."""

import pytest

from auth.session.row import STATEMENTS
from db.connection import Context
from tests.kit.asking import run, session_of
from tests.world import Refused

REQUIREMENT = """query ($id: UUID!, $version: BigInt, $time: DateTime) {
    requirement(id: $id, atVersion: $version, asOf: $time) {
        id version name status description tags position properties updatedAt documentId blockId
        createdBy { id } updatedBy { id } document { id name } block { name }
        viewerCan { update delete create(type: REQUIREMENT) } } }"""
TREE = """query ($id: UUID!, $time: DateTime, $version: BigInt) {
    document(id: $id, asOf: $time, atVersion: $version) {
        name version
        blocks { totalCount nodes { id name position
            requirements { totalCount nodes { id name version document { name } } } } }
        requirements { totalCount nodes { id name version blockId position } }
        project { name organization { name } } } }"""
CREATE = """mutation ($input: RequirementCreateInput!) {
    requirementCreate(input: $input) { requirement { id version } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        requirement { version } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementDelete(id: $id, expectedVersion: $version) { requirement { version } } }"""
RESTORE = """mutation ($id: UUID!, $version: BigInt!) {
    requirementRestore(id: $id, expectedVersion: $version) { requirement { version } } }"""


@pytest.fixture
def now(world):
    """Return the database's time."""

    async def now():
        return (await world.superuser.fetchval("SELECT clock_timestamp()")).isoformat()

    return now


async def test_a_row_is_read_as_it_was_at_each_version(world):
    made = await world.ask(
        "editor", CREATE, input={"documentId": world.document, "name": "One", "tags": ["a"]}
    )
    id = made["requirement"]["id"]
    await world.ask("admin", UPDATE, id=id, version=1, input={"name": "Two", "status": "APPROVED"})
    await world.ask("editor", UPDATE, id=id, version=2, input={"name": "Three", "tags": []})
    read = [await world.ask("viewer", REQUIREMENT, id=id, version=n) for n in (1, 2, 3)]
    assert [row["version"] for row in read] == [1, 2, 3]
    assert [row["name"] for row in read] == ["One", "Two", "Three"]
    assert [row["status"] for row in read] == ["DRAFT", "APPROVED", "APPROVED"]
    assert [row["tags"] for row in read] == [["a"], ["a"], []]
    people = [world.people[person] for person in ("editor", "admin", "editor")]
    assert [row["updatedBy"]["id"] for row in read] == [str(person) for person in people]


async def test_a_document_is_read_as_it_was(world, now):
    before = await now()
    first = await world.ask("viewer", TREE, id=world.document)
    await world.ask("editor", UPDATE, id=world.requirement, version=1, input={"name": "New"})
    await world.ask("editor", CREATE, input={"documentId": world.document, "name": "Later"})
    after = await now()
    changed = await world.ask("viewer", TREE, id=world.document)
    await world.ask("editor", DELETE, id=world.requirement, version=2)
    assert await world.ask("viewer", TREE, id=world.document, time=before) == first
    assert await world.ask("viewer", TREE, id=world.document, time=after) == changed


async def test_a_version_that_never_was_is_not_found(world):
    with pytest.raises(Refused) as refused:
        await world.ask("viewer", REQUIREMENT, id=world.requirement, version=2)
    assert (refused.value.code, refused.value.field) == ("NOT_FOUND", ["atVersion"])


@pytest.mark.slow
async def test_a_row_that_moved_or_was_deleted_is_seen_where_it_was(world, now):
    """Also when the document that it moved to may not be read."""
    other = await world.ask(
        "admin",
        """mutation ($project: UUID!) { documentCreate(input: {
            projectId: $project, name: "Other", slug: "other"}) { document { id } } }""",
        project=world.project,
    )
    before, at_first = await now(), await world.ask("document_editor", TREE, id=world.document)
    move = """mutation ($id: UUID!, $to: UUID!) { requirementMove(
        id: $id, expectedVersion: 1, placeAt: {documentId: $to}) { requirement { version } } }"""
    await world.ask("editor", move, id=world.requirement, to=other["document"]["id"])
    for person in ("document_editor", "project_viewer"):
        then = await world.ask(person, TREE, id=world.document, time=before)
        assert [row["id"] for row in then["requirements"]["nodes"]] == [str(world.requirement)]
    then = await world.ask("document_editor", TREE, id=world.document, time=before)
    assert then["blocks"] == at_first["blocks"]
    assert await world.code("document_editor", REQUIREMENT, id=world.requirement) == "NOT_FOUND"
    moved = await now()
    await world.ask("editor", DELETE, id=world.requirement, version=2)
    then = await world.ask("viewer", TREE, id=other["document"]["id"], time=moved)
    assert [row["name"] for row in then["requirements"]["nodes"]] == [f"Requirement {world.name}"]
    assert await world.code("viewer", REQUIREMENT, id=world.requirement) == "NOT_FOUND"
    assert (await world.ask("viewer", REQUIREMENT, id=world.requirement, version=2))["version"] == 2


async def test_a_time_or_version_that_cannot_be_is_refused_by_its_name(world, now):
    time, id = await now(), world.requirement
    created = "2001-01-01T00:00:00Z"
    for code, field, variables in (
        ("INVALID", "asOf", {"version": 1, "time": time}),
        ("INVALID", "asOf", {"time": "9999-12-31T23:59:59Z"}),
        ("NOT_FOUND", "asOf", {"time": created}),
        ("NOT_FOUND", "asOf", {"time": "0001-01-01T00:00:00Z"}),
        ("INVALID", "atVersion", {"version": 0}),
        ("INVALID", "atVersion", {"version": -1}),
        ("NOT_FOUND", "atVersion", {"version": 2**63 - 1}),
    ):
        with pytest.raises(Refused) as refused:
            await world.ask("viewer", REQUIREMENT, id=id, **variables)
        assert (refused.value.code, refused.value.field) == (code, [field])


async def test_another_tenant_sees_no_past(world, other_world, now):
    time = await now()
    await world.ask("editor", UPDATE, id=world.requirement, version=1, input={"name": "New"})
    for person in ("outsider", "owner"):
        for variables in ({"time": time}, {"version": 1}):
            asked = (person, REQUIREMENT)
            assert await other_world.code(*asked, id=world.requirement, **variables) == "NOT_FOUND"
            code = await other_world.code(person, TREE, id=world.document, **variables)
            assert code == "NOT_FOUND"


async def test_nobody_changes_the_past(world):
    row = await world.ask("owner", REQUIREMENT, id=world.requirement, version=1)
    assert row["viewerCan"] == {"update": False, "delete": False, "create": False}


async def test_a_transaction_is_seen_whole_or_not_at_all(world, now):
    """Its events have times of their own; a moment between them comes before all of them."""
    start, end = await now(), None
    user = world.people["editor"]
    context = Context(user, frozenset([world.organization]))
    async with world.database.writing.lend(context, in_transaction=True) as one:
        for table, type_ in (("documents", "Document"), ("blocks", "Block")):
            id = getattr(world, table.removesuffix("s"))
            await one.execute(
                f"UPDATE {table} SET name = 'New', version = 2, updated_at = clock_timestamp()"
                f" WHERE id = '{id}'"
            )
            await one.execute(
                "INSERT INTO audit_logs (id, organization_id, entity_id, entity_type, action,"
                " version, changed_fields, old_data, new_data, actor_id) SELECT gen_random_uuid(),"
                f" '{world.organization}', '{id}', '{type_}', 'update', 2, '{{name}}',"
                f""" '{{"name": "Old"}}', '{{"name": "New"}}', '{user}'"""
            )
            end = end or await now()
    after = await now()
    query = """query ($id: UUID!, $time: DateTime!) { document(id: $id, asOf: $time) {
        name version blocks { nodes { name version } } } }"""
    for time, name, version in ((start, "Old", 1), (end, "Old", 1), (after, "New", 2)):
        row = await world.ask("viewer", query, id=world.document, time=time)
        assert (row["name"], row["version"]) == (name, version)
        assert row["blocks"]["nodes"] == [{"name": name, "version": version}]


async def test_words_are_not_searched_in_the_past(world):
    query = """query ($id: UUID!) { document(id: $id, atVersion: 1) {
        requirements(search: "brakes") { totalCount } } }"""
    with pytest.raises(Refused) as refused:
        await world.ask("viewer", query, id=world.document)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["search"])


async def test_the_past_is_as_many_statements_whatever_the_number_of_rows(world):
    query = """query ($id: UUID!) { document(id: $id, atVersion: 1) {
        blocks { totalCount nodes { requirements { totalCount nodes { document { id } } } } } } }"""
    counts = []
    for _ in range(2):
        session = await session_of(world, "viewer")
        await run(session, query, id=world.document)
        counts.append(session.statements)
        for table, more in (("blocks", ""), ("requirements", ", block_id")):
            await world.superuser.execute(
                f"INSERT INTO {table} (organization_id, project_id, document_id, name{more})"
                f" SELECT organization_id, project_id, document_id, 'More'{more and ', id'}"
                f" FROM blocks, generate_series(1, 5) WHERE document_id = $1",
                world.document,
            )
            await world.superuser.execute(
                f"UPDATE {table} SET created_at = d.created_at FROM documents d"
                " WHERE d.id = document_id AND d.id = $1",
                world.document,
            )
    # The version's time, the document, the blocks and how many, the requirements and how many.
    assert counts == [6, 6]


@pytest.mark.slow
async def test_the_past_reads_the_record_by_its_indexes(world, now, monkeypatch):
    """No statement scans all of the log, whatever is recorded of other rows."""
    time = await now()
    await world.ask("editor", UPDATE, id=world.requirement, version=1, input={"name": "New"})
    await world.superuser.execute(
        "INSERT INTO audit_logs (organization_id, entity_id, entity_type, action, version)"
        " SELECT $1, gen_random_uuid(), 'Requirement', 'update', 2 FROM generate_series(1, 5000)",
        world.organization,
    )
    await world.superuser.execute("ANALYZE audit_logs")
    sent = []
    ready = STATEMENTS.ready
    monkeypatch.setattr(STATEMENTS, "ready", lambda *asked: sent.append(ready(*asked)) or sent[-1])
    session = await session_of(world, "viewer")
    await run(session, TREE, id=world.document, time=time)
    month = time[:7].replace("-", "_")
    async with world.database.app.lend(session.viewer.context) as connection:
        plans = [
            "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {text}", *arguments))
            for text, arguments in sent
        ]
    assert any(f"on audit_logs_{month}" in plan for plan in plans)
    assert not any(f"Seq Scan on audit_logs_{month}" in plan for plan in plans)
