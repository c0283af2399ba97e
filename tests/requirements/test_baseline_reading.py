"""A baseline is read through the ordinary types: its documents, and the rows beneath them."""

import asyncio
import json

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from tests.conftest import dsn_of
from tests.kit.asking import run, session_of
from tests.requirements.test_baselines import frozen
from tests.world import Refused

FIELDS = """id name slug tags position version createdAt updatedAt updatedBy { id }
  blocks { totalCount nodes { id name type position content version parent { id }
    children { nodes { id name } }
    requirements { totalCount nodes { id name } } } }
  requirements(first: 1000, orderBy: $order, filter: $filter) {
    totalCount pageInfo { hasNextPage }
    nodes { id name description status priority level format tags properties position version
      createdAt updatedAt document { name } block { name } project { name } } }"""
DECLARED = "$id: UUID!, $order: [RequirementOrderInput!], $filter: RequirementFilterInput"
LIVE = f"query ({DECLARED}) {{ document(id: $id) {{ {FIELDS} }} }}"
FROZEN = f"query ({DECLARED}) {{ baseline(id: $id) {{ document {{ {FIELDS} }} }} }}"
PAGE = """query ($id: UUID!, $after: String) { baseline(id: $id) {
  requirements(first: 2, after: $after) { totalCount nodes { id }
    pageInfo { hasNextPage endCursor } } } }"""


@pytest.fixture
async def filled(world):
    """Return a block within the block, and requirements of all sorts in three places."""
    inner = uuid7()
    place = (world.organization, world.project, world.document)
    await world.superuser.execute(
        "INSERT INTO blocks (id, organization_id, project_id, document_id, parent_id, name,"
        " position, content) VALUES ($1, $2, $3, $4, $5, 'Inner', 2, '{\"text\": [1.50, null]}')",
        *(inner, *place, world.block),
    )
    await world.superuser.executemany(
        "INSERT INTO requirements (id, organization_id, project_id, document_id, block_id, name,"
        " description, position, status, priority, tags, properties)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        [
            (
                *(uuid7(), *place, block, f"R{n}", "Text\n" * n, 10.0 - n / 3, status, priority),
                *(["a", "b"][: n % 3], json.dumps({"mass": n / 7})),
            )
            for n, (block, status, priority) in enumerate(
                [
                    (None, "draft", "low"),
                    (inner, "approved", "high"),
                    (inner, "draft", "blocker"),
                    (world.block, "verified", "medium"),
                ]
            )
        ],
    )
    return inner


@pytest.mark.slow
async def test_what_is_read_of_a_baseline_is_what_was_there(world, filled):
    questions = [
        {"order": None, "filter": None},
        {"order": [{"by": "NAME", "direction": "DESC"}], "filter": {"status": {"eq": "DRAFT"}}},
        {"order": [{"by": "PRIORITY"}], "filter": {"tags": {"hasAny": ["a"]}}},
        {"order": None, "filter": {"properties": [{"path": ["mass"], "eq": 0}]}},
    ]
    live = [await world.ask("editor", LIVE, id=world.document, **asked) for asked in questions]
    baseline = await frozen(world)
    whole = await frozen(world, documentId=None, projectId=world.project)
    await world.superuser.execute(
        "UPDATE requirements SET name = 'Other', position = position * -1, tags = '{}',"
        " status = 'rejected', block_id = NULL WHERE document_id = $1",
        world.document,
    )
    await world.superuser.execute("UPDATE blocks SET deleted_at = now() WHERE id = $1", filled)
    await world.superuser.execute(
        "UPDATE documents SET name = 'Other' WHERE id = $1", world.document
    )
    for asked, expected in zip(questions, live, strict=True):
        found = await world.ask("viewer", FROZEN, id=baseline["id"], **asked)
        assert found["document"] == expected
    query = f"query ({DECLARED}) {{ baseline(id: $id) {{ documents {{ nodes {{ {FIELDS} }} }} }} }}"
    for id in (baseline["id"], whole["id"]):
        for asked, expected in zip(questions, live, strict=True):
            found = await world.ask("viewer", query, id=id, **asked)
            assert found["documents"]["nodes"] == [expected]


async def test_what_is_deleted_or_purged_since_is_still_read(world, filled):
    whole = await frozen(world, documentId=None, projectId=world.project)
    one = await frozen(world)
    query = "query ($id: UUID!) { baseline(id: $id) { documents { nodes { name } }"
    query += " requirements { totalCount } } }"
    before = await world.ask("viewer", query, id=whole["id"])
    assert before["requirements"]["totalCount"] == 5
    await world.superuser.execute(
        "UPDATE documents SET deleted_at = now() WHERE id = $1", world.document
    )
    assert await world.ask("viewer", query, id=whole["id"]) == before
    assert await world.code("viewer", query, id=one["id"]) == "NOT_FOUND"
    for table in ("requirements", "blocks", "user_roles", "baselines"):
        await world.superuser.execute(f"DELETE FROM {table} WHERE document_id = $1", world.document)
    await world.superuser.execute("DELETE FROM documents WHERE id = $1", world.document)
    assert await world.ask("viewer", query, id=whole["id"]) == before


@pytest.mark.slow
async def test_its_requirements_come_in_pages_and_count(world, filled):
    baseline = await frozen(world)
    pages, after = [], None
    while True:
        found = (await world.ask("viewer", PAGE, id=baseline["id"], after=after))["requirements"]
        assert found["totalCount"] == 5
        pages.append([node["id"] for node in found["nodes"]])
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({id for page in pages for id in page}) == 5


async def test_two_baselines_and_the_present_are_told_apart_in_one_request(world):
    first = await frozen(world)
    rename = "UPDATE requirements SET name = $2 WHERE id = $1"
    await world.superuser.execute(rename, world.requirement, "Second")
    second = await frozen(world)
    await world.superuser.execute(rename, world.requirement, "Third")
    name = "{ requirements { nodes { name } } }"
    query = f"""query ($a: UUID!, $b: UUID!, $d: UUID!) {{
      a: baseline(id: $a) {{ document {name} }} b: baseline(id: $b) {{ document {name} }}
      d: document(id: $d) {name} }}"""
    found = await world.ask("viewer", query, a=first["id"], b=second["id"], d=world.document)
    names = [
        place["requirements"]["nodes"][0]["name"]
        for place in (found["a"]["document"], found["b"]["document"], found["d"])
    ]
    assert names == [f"Requirement {world.name}", "Second", "Third"]


async def test_who_may_read_the_document_alone_reads_it_in_a_baseline(world, filled):
    baseline = await frozen(world)
    arguments = {"id": baseline["id"], "order": None, "filter": None}
    mine = (await world.ask("document_editor", FROZEN, **arguments))["document"]
    assert mine["requirements"]["totalCount"] == 5
    assert {node["project"] for node in mine["requirements"]["nodes"]} == {None}
    for person, code in (("outsider", "NOT_FOUND"), ("member", "NOT_FOUND"), ("editor", None)):
        assert await world.code(person, FROZEN, **arguments) == code
    whole = await frozen(world, documentId=None, projectId=world.project)
    assert await world.code("document_editor", PAGE, id=whole["id"]) == "NOT_FOUND"


async def test_words_are_found_in_the_present_only(world):
    baseline = await frozen(world)
    query = 'query ($id: UUID!) { baseline(id: $id) { requirements(search: "a") { totalCount } } }'
    with pytest.raises(Refused) as refused:
        await world.ask("viewer", query, id=baseline["id"])
    assert (refused.value.code, refused.value.field) == ("INVALID", ["search"])


@pytest.mark.slow
async def test_freezing_amid_writers_shows_one_state(world):
    """Each writer adds a requirement and counts it in the document's name, in one transaction."""
    name = await world.superuser.fetchval("SELECT current_database()")
    pool = [await asyncpg.connect(dsn_of(name, superuser=True)) for _ in range(3)]
    stop = asyncio.Event()

    async def writer(connection):
        while not stop.is_set():
            async with connection.transaction():
                count = await connection.fetchval(
                    "UPDATE documents SET description = (coalesce(description, '0')::int + 1)::text"
                    " WHERE id = $1 RETURNING description::int",
                    world.document,
                )
                await connection.execute(
                    "INSERT INTO requirements (organization_id, project_id, document_id, name,"
                    " position) VALUES ($1, $2, $3, 'Counted', $4)",
                    *(world.organization, world.project, world.document, float(count)),
                )

    writers = [asyncio.create_task(writer(connection)) for connection in pool]
    query = """query ($id: UUID!) { baseline(id: $id) { verified document { description
      requirements(first: 1000, filter: { name: { eq: "Counted" } }) { totalCount
        nodes { position } } } } }"""
    try:
        seen = [await frozen(world) for _ in range(8)]
    finally:
        stop.set()
        await asyncio.gather(*writers)
        await asyncio.gather(*(connection.close() for connection in pool))
    counts = []
    for baseline in seen:
        found = await world.ask("viewer", query, id=baseline["id"])
        counts.append(found["document"]["requirements"]["totalCount"])
        assert counts[-1] == int(found["document"]["description"] or 0)
        assert found["verified"]
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ("document { blocks { nodes { requirements { nodes { id } } } } }", 4),
        ("documents { nodes { requirements { nodes { id block { id } } } } }", 4),
        ("items { nodes { entityId data canonical contentHash } }", 3),
        ("verified counts { count }", 2),
        ("diff { added changes { nodes { name } } }", 3),
        ("diff { changes { nodes { name source { name } } } }", 4),
    ],
)
async def test_a_baseline_is_read_in_few_statements(world, linked, fields, count):
    baseline = await frozen(world)
    await world.superuser.execute(
        "UPDATE trace_links SET deleted_at = now() WHERE id = $1", linked["inside"]
    )
    if "source" not in fields:
        await world.superuser.execute(
            "UPDATE trace_links SET deleted_at = NULL WHERE id = $1", linked["inside"]
        )
        await world.superuser.execute("UPDATE blocks SET name = 'B' WHERE id = $1", world.block)
    session = await session_of(world, "editor")
    await run(
        session, f"query ($id: UUID!) {{ baseline(id: $id) {{ {fields} }} }}", id=baseline["id"]
    )
    assert session.statements == count


@pytest.mark.slow
async def test_a_request_reads_so_many_states_and_no_more(world):
    baselines = [await frozen(world, name=f"B{n}") for n in range(21)]
    query = """query ($id: UUID!, $n: Int!) { document(id: $id) { baselines(first: $n) {
      nodes { document { name } } } } }"""
    assert await world.code("viewer", query, id=world.document, n=20) is None
    assert await world.code("viewer", query, id=world.document, n=len(baselines)) == "INVALID"
