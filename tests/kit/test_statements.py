"""One statement an edge and level, for any number of parents; none for loaded rows."""

from typing import Any

import pytest

from tests.kit.asking import run, session_of
from tests.world import World, found

MANY = """
WITH document AS (
    INSERT INTO documents (organization_id, project_id, name, slug, position, created_by)
    SELECT $1, $2, 'Many ' || i, 'many-' || i, i, (ARRAY[$3, $4]::uuid[])[i % 2 + 1]
    FROM generate_series(1, 50) i
    RETURNING id, created_by
), block AS (
    INSERT INTO blocks (organization_id, project_id, document_id, name)
    SELECT $1, $2, id, 'Block' FROM document
    RETURNING id, document_id
)
INSERT INTO requirements
    (organization_id, project_id, document_id, block_id, name, position, created_by)
SELECT $1, $2, document_id, id, 'Requirement ' || i, i, $3
FROM block, generate_series(1, 20) i
"""
ROWS = "id version name createdAt tags viewerCan { update delete create(type: REQUIREMENT) }"
NESTED = f"""query ($id: UUID!, $documents: Int!) {{
    project(id: $id) {{ id documents(first: $documents) {{
        nodes {{ {ROWS} blocks(first: 5) {{
            nodes {{ id requirements(first: 20) {{
                nodes {{ {ROWS} }} pageInfo {{ hasNextPage endCursor }} }} }} }} }} }} }} }}"""


@pytest.fixture(scope="module")
async def full(superuser: Any, database: Any, client: Any) -> World:
    """Return a tenant with a project of 50 documents, each with a block of 20 requirements."""
    world = await found(superuser, database, client)
    await superuser.execute("DELETE FROM requirements WHERE id = $1", world.requirement)
    await superuser.execute("DELETE FROM blocks WHERE id = $1", world.block)
    await superuser.execute("DELETE FROM user_roles WHERE document_id = $1", world.document)
    await superuser.execute("DELETE FROM documents WHERE id = $1", world.document)
    people = world.people["editor"], world.people["admin"]
    await superuser.execute(MANY, world.organization, world.project, *people)
    return world


async def statements(world: World, query: str, **variables: Any) -> int:
    session = await session_of(world, "editor")
    await run(session, query, **variables)
    return session.statements


async def test_a_level_is_one_statement_whatever_the_number_of_parents(full: World):
    session = await session_of(full, "editor")
    data = await run(session, NESTED, id=full.project, documents=50)
    rows = [
        requirement
        for document in data["project"]["documents"]["nodes"]
        for block in document["blocks"]["nodes"]
        for requirement in block["requirements"]["nodes"]
    ]
    assert len(rows) == 1000
    assert session.statements == 4
    assert await statements(full, NESTED, id=full.project, documents=1) == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ("id", 1),
        ("viewerCan { update delete create(type: BLOCK) }", 1),
        ("createdBy { id }", 2),
        ("project { id name }", 2),
        ("createdBy { id } project { id }", 3),
        ("project { id organization { id } }", 3),
        ("requirements(first: 2) { nodes { id } }", 2),
        ("requirements(first: 2) { totalCount }", 3),
        ("requirements(first: 2) { nodes { id } totalCount }", 3),
        ('requirements(first: 2, filter: {name: {contains: "9"}}) { nodes { id } totalCount }', 3),
        ("requirements(first: 2) { nodes { createdBy { id } document { id } block { id } } }", 5),
        ("a: requirements(first: 2) { nodes { id } } b: blocks { nodes { id } }", 3),
        # The same arguments are the same page; others are another.
        ("a: requirements(first: 2) { nodes { id } } b: requirements(first: 2) { totalCount }", 3),
        (
            "a: requirements(first: 2) { nodes { id } } b: requirements(first: 3) { nodes { id } }",
            3,
        ),
    ],
)
async def test_an_edge_is_one_statement_whatever_the_number_of_rows(
    full: World, fields: str, count: int
):
    query = f"""query ($first: Int!) {{ documents(first: $first) {{ nodes {{ {fields} }} }} }}"""
    assert await statements(full, query, first=50) == count
    assert await statements(full, query, first=2) == count


async def test_rows_are_counted_only_when_asked(full: World):
    page = "{ requirements(first: 5) { nodes { id } pageInfo { hasNextPage hasPreviousPage } } }"
    assert await statements(full, page) == 1
    assert await statements(full, page.replace("nodes { id }", "nodes { id } totalCount")) == 2


async def test_nodes_of_one_model_are_two_statements_however_many(full: World):
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    rows = await full.superuser.fetch(
        "SELECT id FROM requirements WHERE project_id = $1 LIMIT 99", full.project
    )
    ids = [str(row["id"]) for row in rows]
    session = await session_of(full, "editor")
    data = await run(session, query, ids=[*ids, str(full.name).rjust(32, "0")])
    assert [node and node["id"] for node in data["nodes"]] == [*ids, None]
    assert session.statements == 2
    assert await statements(full, query, ids=ids[:1]) == 2
    assert await statements(full, query, ids=[ids[0], str(full.project)]) == 3
    assert await statements(full, query, ids=[]) == 0


async def test_nodes_asked_for_one_by_one_share_their_statements(full: World):
    query = """query ($one: ID!, $other: ID!) {
        a: node(id: $one) { id } b: node(id: $other) { id } c: node(id: $one) { __typename } }"""
    rows = await full.superuser.fetch(
        "SELECT id FROM requirements WHERE project_id = $1 LIMIT 2", full.project
    )
    one, other = (str(row["id"]) for row in rows)
    assert await statements(full, query, one=one, other=other) == 2


async def test_rows_asked_for_one_by_one_share_a_statement(full: World):
    query = """query ($one: UUID!, $other: UUID!) {
        a: requirement(id: $one) { id } b: requirement(id: $other) { id } }"""
    rows = await full.superuser.fetch(
        "SELECT id FROM requirements WHERE project_id = $1 LIMIT 2", full.project
    )
    one, other = (str(row["id"]) for row in rows)
    assert await statements(full, query, one=one, other=other) == 1
