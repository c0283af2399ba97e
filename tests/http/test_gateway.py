"""The gateway itself behind the transport: its own schema, people and rows."""

import pytest
from graphql import get_introspection_query

NESTED = """
  query ($project: UUID!, $documents: Int = 10) {
    project(id: $project) {
      documents(first: $documents) { edges { node { id name
        blocks(first: 10) { edges { node { id name
          requirements(first: 100) { edges { node { ...Row } } pageInfo { hasNextPage } }
        } } }
      } } }
    }
  }
  fragment Row on Requirement { id version name status priority createdBy { id } }
"""
FILTERED = "query ($v: RequirementFilterInput) { requirements(filter: $v) { nodes { id } } }"
CREATED = (
    "mutation ($v: RequirementCreateInput!) { requirementCreate(input: $v) { requirement { id } } }"
)
NASTY = ["\0", "a\0b", "'", '"', ";--", "%", "\\", "\u202e", "\U0001f600", "1" * 10_000]


async def test_the_nested_page_that_the_product_is_made_for_is_answered(world):
    answer = await world.answer("editor", NESTED, project=world.project)
    assert "errors" not in answer
    cost = answer["extensions"]["cost"]
    assert 10_000 < cost["requested"] < cost["limit"]
    assert cost["actual"] == 1 + 1 + 1 + 1  # project, document, block, requirement
    answer = await world.answer("editor", NESTED, project=world.project, documents=100)
    assert answer["errors"][0]["extensions"]["limit"] == "cost"


@pytest.mark.slow
async def test_its_schema_is_for_those_who_are_signed_in(world):
    query = get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, input_value_deprecation=True
    )
    assert "errors" not in await world.answer("viewer", query)
    assert await world.code(None, query) == "UNAUTHENTICATED"


@pytest.mark.slow
@pytest.mark.parametrize("text", NASTY)
async def test_no_text_is_answered_with_a_failure_of_the_database(world, text):
    """Every place in which a client's text reaches PostgreSQL as a value."""
    new = {"documentId": world.document, "name": text, "properties": {"key": text}}
    requests = {
        "query ($v: String) { requirements(search: $v) { totalCount } }": text,
        "query ($v: String) { requirements(after: $v) { nodes { id } } }": text,
        FILTERED: {"name": {"contains": text}, "externalId": {"in": [text]}},
        CREATED: new,
    }
    for query, value in requests.items():
        response = await world.post("editor", query, v=value)
        assert response.status_code == 200
        for error in response.json().get("errors", ()):
            assert error["extensions"]["code"] == "INVALID", error
            assert "0x00" not in error["message"]
