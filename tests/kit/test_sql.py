"""The SQL of a few significant operations is the one that was reviewed.

After an intended change: `GATEWAY_WRITE_GOLDEN=1 .venv/bin/python -m pytest tests/kit/test_sql.py`,
and review the changes in `tests/golden/sql`.
"""

from typing import Any

import pytest

from auth.session.compiled import compiled
from auth.session.row import STATEMENTS
from tests.kit.asking import run, session_of
from tests.kit.golden_sql import GOLDEN, assert_reviewed, legible
from tests.world import World

OPERATIONS = {
    "nested": """query ($project: UUID!) {
        project(id: $project) { documents(first: 10) { nodes {
            blocks(first: 10) { nodes {
                requirements(first: 100) { nodes { id name } } } } } } } }""",
    "search_page": """{
        requirements(
            first: 20
            search: "brakes"
            filter: {
                status: {in: [DRAFT, IN_REVIEW]}
                or: [{externalId: {startsWith: "SYS-"}}, {not: {description: {isNull: true}}}]
                tags: {hasAny: ["safety"]}
                properties: [{path: ["asil", "level"], eq: "D"}]
            }
            orderBy: [{by: EXTERNAL_ID, direction: DESC}, {by: NAME}]
        ) { nodes { id } } }""",
    "next_page": """query ($document: UUID!, $cursor: String!) {
        requirements(
            first: 20
            after: $cursor
            filter: {documentId: {eq: $document}}
            orderBy: [{by: CREATED_AT}]
        ) { nodes { id } } }""",
    "one_row": "query ($requirement: UUID!) { requirement(id: $requirement) { id name } }",
    "to_one": """query ($requirement: UUID!) {
        requirement(id: $requirement) { document { id project { id } } } }""",
    "past_row": """query ($requirement: UUID!) {
        requirement(id: $requirement, atVersion: 1) { id } }""",
    "past_tree": """query ($document: UUID!) {
        document(id: $document, atVersion: 1) { blocks(first: 5) { nodes {
            requirements(first: 100) { totalCount nodes { id name } } } } } }""",
    "node": "query ($requirement: ID!) { node(id: $requirement) { id } }",
    "trash": "query ($document: UUID!) { trash(documentId: $document) { nodes { id } } }",
    "total_count_at_root": '{ requirements(first: 0, search: "brakes") { totalCount } }',
    "total_count": """query ($document: UUID!) {
        document(id: $document) { requirements(first: 0) { totalCount } } }""",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
async def test_the_sql_is_the_one_reviewed(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
):
    sent: list[str] = []
    ready = STATEMENTS.ready

    def recorded_form(*asked: Any) -> Any:
        form = compiled(*asked)
        sent.append(form.text)
        return form

    def recorded(*asked: Any) -> Any:
        text, arguments = ready(*asked)
        sent.append(text)
        return text, arguments

    query = OPERATIONS[name]
    values = {
        "project": world.project,
        "document": world.document,
        "requirement": world.requirement,
    }
    variables = {key: str(value) for key, value in values.items() if f"${key}" in query}
    if "$cursor" in query:
        page = """query ($document: UUID!) { requirements(
            filter: {documentId: {eq: $document}}, orderBy: [{by: CREATED_AT}]) {
            pageInfo { endCursor } } }"""
        found = await world.ask("viewer", page, document=world.document)
        variables["cursor"] = found["pageInfo"]["endCursor"]
    session = await session_of(world, "viewer")
    monkeypatch.setattr(STATEMENTS, "ready", recorded)
    monkeypatch.setattr("auth.session.statement_reader.compiled", recorded_form)
    await run(session, query, **variables)
    statements = "\n\n".join(legible(text) + ";" for text in sent) + "\n"
    assert_reviewed(f"{name}.sql", statements)


def test_each_golden_file_belongs_to_an_operation():
    assert {path.stem for path in GOLDEN.glob("*.sql")} == set(OPERATIONS)
