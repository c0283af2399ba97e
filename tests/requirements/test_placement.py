"""A move names one place: `PlacementInput` is a @oneOf input."""

import pytest
from uuid_utils.compat import uuid7

from graph.kit.context import Context
from graph.schema import schema
from tests.kit.asking import session_of

MOVE = """mutation ($id: UUID!, $place: RequirementPlaceInput!) {
    requirementMove(id: $id, expectedVersion: 1, placeAt: $place) { requirement { version } } }"""
MANY = """mutation ($items: [BlocksMoveItemInput!]!) {
    blocksMove(items: $items, onError: CONTINUE) { failed } }"""
LITERAL = """mutation ($id: UUID!, $other: UUID!) {
    requirementMove(id: $id, expectedVersion: 1, placeAt: {at: %s}) { requirement { version } } }"""
NULLABLE = """mutation ($id: UUID!, $other: UUID) {
    requirementMove(id: $id, expectedVersion: 1, placeAt: {at: {after: $other}}) {
        requirement { version } } }"""
OTHER = uuid7()
PLACES = [
    {},
    {"after": None},
    {"after": OTHER, "before": OTHER},
    {"after": OTHER, "before": None},
    {"before": OTHER, "end": "END"},
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: " ".join(place) or "none")
async def test_variables_name_exactly_one_place(world, place):
    answer = await world.answer("editor", MOVE, id=world.requirement, place={"at": place})
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "INVALID"
    assert "Variable '$place' has invalid value at .at" in error["message"]
    items = [{"id": world.block, "expectedVersion": 1, "placeAt": {"at": place}}]
    assert await world.code("editor", MANY, items=items) == "INVALID"
    result = await schema.execute(
        MOVE,
        {
            "id": str(world.requirement),
            "place": {"at": {k: v and str(v) for k, v in place.items()}},
        },
        context_value=Context(await session_of(world, "editor")),
    )
    assert result.errors
    assert await world.records(world.requirement) == []
    assert await world.records(world.block) == []


@pytest.mark.parametrize(
    "document",
    [
        LITERAL % "{}",
        LITERAL % "{after: null}",
        LITERAL % "{after: $other, before: $other}",
        LITERAL % "{after: $other, end: START}",
        NULLABLE,
    ],
)
async def test_documents_name_exactly_one_place(world, document):
    variables = {"id": world.requirement, "other": OTHER}
    code = await world.code("editor", document, **variables)
    assert code == "GRAPHQL_VALIDATION_FAILED"
    assert await world.records(world.requirement) == []


async def test_tools_see_that_exactly_one_is_given(world):
    query = '{ __type(name: "PlacementInput") { isOneOf inputFields { name defaultValue } } }'
    type_ = await world.ask("editor", query)
    assert type_["isOneOf"] is True
    assert [field["name"] for field in type_["inputFields"]] == ["after", "before", "end"]
    assert {field["defaultValue"] for field in type_["inputFields"]} == {None}
