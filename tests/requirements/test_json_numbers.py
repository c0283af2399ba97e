"""Numbers in JSON come back as they were sent, or are refused with the field that has them."""

import json
from uuid import uuid4

import pytest

from tests.loop import BUSY, watched

UPDATE = """mutation ($id: UUID!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: 1, input: $input) {
        requirement { version properties position } } }"""
READ = """query ($id: UUID!) { requirement(id: $id) { properties
    history(first: 1) { nodes { changes { field new } } } } }"""
FIND = """query ($id: UUID!, $eq: JSON!) { document(id: $id) { requirements(
    filter: {properties: [{path: ["n"], eq: $eq}]}) { totalCount } } }"""
PLACE = """mutation ($id: UUID!, $position: Float) {
    blockCreate(input: {documentId: $id, name: "A", position: $position}) {
        block { position } } }"""

EXACT = (
    *("0", "-1", "1.5", "0.1", "1E2", "-9223372036854775808", "18446744073709551615", "1e22"),
    *("1.7976931348623157e308", "5e-324", "123456789012345678", "0.30000000000000004", "1.10"),
)
INEXACT = (
    *("18446744073709551616", "123456789012345678901234567890", "-9223372036854775809"),
    *("12345678901234567.89", "1E400", "-1e400", "1e-400", "0.1000000000000000055", "9" * 5000),
    *("1e99999999999999999999", "9007199254740993.0"),
)


@pytest.fixture
def post(world):
    """Return a function that sends a request whose variables are this JSON, as it is written."""

    async def post(query, variables, **headers):
        body = f'{{"query": {json.dumps(query)}, "variables": {variables}}}'
        headers["Authorization"] = f"Bearer {await world.token('editor')}"
        return await world.client.post("/graphql", content=body.encode(), headers=headers | JSON)

    return post


JSON = {"Content-Type": "application/json"}


def setting(world, number):
    return f'{{"id": "{world.requirement}", "input": {{"properties": {{"a": [{number}]}}}}}}'


@pytest.mark.slow
@pytest.mark.parametrize("number", EXACT)
async def test_a_number_comes_back_as_it_was_sent(world, post, number):
    answer = (await post(UPDATE, setting(world, number))).json()
    sent = {"a": [json.loads(number)]}
    assert answer["data"]["requirementUpdate"]["requirement"]["properties"] == sent
    read = await world.ask("viewer", READ, id=world.requirement)
    assert read["properties"] == sent
    (change,) = read["history"]["nodes"][0]["changes"]
    assert change["new"] == sent


@pytest.mark.slow
@pytest.mark.parametrize("number", INEXACT)
@pytest.mark.parametrize("is_literal", [False, True])
async def test_a_number_that_would_not_is_refused_with_its_field(world, post, number, is_literal):
    if is_literal:
        query = UPDATE.replace("$input: RequirementUpdateInput!", "")
        query = query.replace("$input", f"{{properties: {{a: [{number}]}}}}")
        response = await post(query, f'{{"id": "{world.requirement}"}}')
    else:
        response = await post(UPDATE, setting(world, number))
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "INVALID"
    assert error["extensions"]["field"] == ["input", "properties", "a", 0]
    read = await world.ask("viewer", READ, id=world.requirement)
    assert read["properties"] == {}


async def test_a_keyed_request_and_a_patch_are_refused_alike(world, post):
    key = {"Idempotency-Key": str(uuid4())}
    for _ in range(2):
        response = await post(UPDATE, setting(world, "1E400"), **key)
        assert response.json()["errors"][0]["extensions"]["code"] == "INVALID"
    patch = f'{{"id": "{world.requirement}", "input": {{"propertiesPatch": {{"a": 1E400}}}}}}'
    (error,) = (await post(UPDATE, patch)).json()["errors"]
    assert error["extensions"]["field"] == ["input", "propertiesPatch", "a"]


async def test_a_filter_names_a_number_that_nothing_can_hold(world, post):
    (error,) = (await post(FIND, f'{{"id": "{world.document}", "eq": 1E400}}')).json()["errors"]
    assert error["extensions"]["code"] == "INVALID"
    assert error["extensions"]["field"][-1] == "eq"


async def test_a_float_is_the_nearest_double_as_ever(world, post):
    position = f'{{"id": "{world.document}", "position": 12345678901234567.89}}'
    answer = (await post(PLACE, position)).json()
    assert answer["data"]["blockCreate"]["block"]["position"] == 12345678901234567.89


async def test_a_float_beyond_all_doubles_is_refused(world, post):
    position = f'{{"id": "{world.document}", "position": 1e999}}'
    (error,) = (await post(PLACE, position)).json()["errors"]
    assert error["extensions"]["code"] in {"INVALID", "GRAPHQL_VALIDATION_FAILED"}


async def test_a_large_body_is_read_while_others_are_served(world, post):
    members = ",".join(f'"{i}": {{"n": {i}.5}}' for i in range(7_000))
    variables = f'{{"id": "{world.requirement}", "input": {{"properties": {{{members}}}}}}}'
    async with watched() as watch:
        response = await post(UPDATE, variables)
    assert "errors" not in response.json()
    assert watch.longest < BUSY
