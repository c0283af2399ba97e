"""The engine answers every operation as graphql-core does."""

import pytest

from tests.engine.both import Both
from tests.world import World

COLUMNS = """__typename id version createdAt updatedAt createdBy { id email } updatedBy { fullName }
    externalId name description status format priority level position tags properties aiAnalysis
    organizationId projectId documentId blockId"""
UNKNOWN = "00000000-0000-7000-8000-000000000000"
DOCUMENTS = {
    "all columns of a row": f"{{ requirement(id: $requirement) {{ {COLUMNS} }} }}",
    "four levels": """{ project(id: $project) { id name documents(first: 20) { nodes { id name
        blocks(first: 20) { nodes { id name requirements(first: 100) { nodes {
        id name description status priority level position updatedAt } } } } } } } }""",
    "rows that rows name": """{ document(id: $document) { id name requirements(first: 50) { nodes {
        id name status assignments(first: 20) { nodes { id role assignee { id fullName } } }
        block { id name } } } } }""",
    "a list at the root": """{ requirements(first: 9, filter: {projectId: {eq: $project}}) {
        nodes { id name } totalCount
        pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }""",
    "aliases and fragments": """{ a: project(id: $project) { ...P }
        b: project(id: $project) { x: id ...P } }
        fragment P on Project { __typename id
        documents(last: 1, orderBy: [{by: NAME, direction: DESC}]) { __typename
            edges { __typename cursor node { id viewerCan { update create(type: BLOCK) } } }
            totalCount }
        ... on Node { history(first: 1) { nodes {
            version action actor { id } changes { field old new } } } } }""",
    "an interface": """{ node(id: $requirement) { __typename id ... on Requirement { name
        document { id requirements(first: 1) { totalCount nodes { id } } } } } }""",
    "many of an interface": f"""{{ nodes(ids: [$requirement, $project, "{UNKNOWN}"]) {{ id
        ... on Authored {{ createdBy {{ id }} }}
        ... on Project {{ documents {{ nodes {{ id project {{ name }} }} }} }} }} }}""",
    "the past": """{ requirement(id: $requirement, atVersion: 1) { id name createdBy { id }
        document { name blocks { nodes { id } totalCount } } } }""",
    "the viewer": """{ viewer { scopes feedCursor
        profile { id email isService preferences currentOrganizationId } } }""",
    "a resolver at the root": """{ organization(id: $organization) { id name feedCursor
        usage { members { current maximum } }
        members { nodes { role user { id email } organization { id } } totalCount } } }""",
    "conditions": """{ document(id: $document) { id name @skip(if: $no)
        requirements(first: 2) @include(if: $no) { nodes { id } } } }""",
    "objects of which no field is included": """{ document(id: $document) {
        requirements { edges { cursor @skip(if: $no) } nodes { id @skip(if: $no) } }
        createdBy { id @skip(if: $no) } project { id @skip(if: $no) }
        history { edges { cursor @skip(if: $no) } nodes { action @skip(if: $no) } } }
        viewer { scopes @skip(if: $no) } }""",
    "a row that is none": f"""{{ requirement(id: "{UNKNOWN}") {{ id }}
        documents {{ nodes {{ id }} }} }}""",
    "a row of another type": "{ requirement(id: $document) { id } }",
    "a page too large": """{ document(id: $document) {
        requirements(first: 5000) { nodes { id } } } }""",
    "no cursor": '{ document(id: $document) { requirements(after: "no") { nodes { id } } } }',
    "two pasts": """{ document(id: $document, atVersion: 3, asOf: "2020-01-01T00:00:00Z") {
        id } }""",
    "the trash": "{ trash { nodes { id entityType node { id } deletedBy { id } } totalCount } }",
    "names of types alone": """{ __typename projects { __typename nodes { __typename } }
        organizations { totalCount } }""",
}
PEOPLE = ("owner", "member", "project_viewer", "billing", "outsider")


@pytest.mark.slow
@pytest.mark.parametrize("query", DOCUMENTS.values(), ids=DOCUMENTS)
async def test_the_engine_answers_what_graphql_core_answers(both: Both, world: World, query: str):
    values = {
        "requirement": world.requirement,
        "document": world.document,
        "project": world.project,
        "organization": world.organization,
        "no": True,
    }
    used = {name: value for name, value in values.items() if f"${name}" in query}
    kind = "ID!" if "node(" in query or "nodes(" in query else "UUID!"
    types = ", ".join(f"${name}: {'Boolean!' if name == 'no' else kind}" for name in used)
    query = f"query ({types}) {query}" if used else query
    for person in PEOPLE:
        engine, core = await both.of(world, person, query, **used)
        assert engine.text == core.text
        runs = 2 if "errors" in core.content else 1
        assert engine.statements <= runs * core.statements + 1  # a row that a resolver has read
