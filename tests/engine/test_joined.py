"""Rows that rows name are read by the same statement, under the policy of their own."""

from dataclasses import replace
from typing import Any

from auth.credentials.identify import act_for
from tests.engine.both import Both
from tests.world import World

NAMED = """query ($document: UUID!) { document(id: $document) { id requirements(first: 50) { nodes {
    id name createdBy { id fullName } block { __typename name level: position } %s
    assignments(first: 20) { nodes { id role assignee { id fullName } } } } } } }"""


async def test_three_levels_with_the_rows_they_name_are_three_statements(both: Both, world: World):
    engine, core = await both.of(world, "owner", NAMED % "", document=world.document)
    assert engine.text == core.text
    assert engine.statements == 3
    assert core.statements > 3


async def test_a_long_text_is_read_once_for_all_rows_that_name_it(both: Both, world: World):
    asked = NAMED % "project { id description }"
    engine, core = await both.of(world, "owner", asked, document=world.document)
    assert engine.text == core.text
    assert engine.statements == 4


async def test_a_row_that_a_token_does_not_open_is_an_error_where_it_is_named(
    both: Both, world: World
):
    owner = await act_for(world.email("owner"), world.database)
    narrowed = replace(owner, scopes=frozenset({"requirements:read"}))
    query = """query ($id: UUID!) { requirement(id: $id) {
        name block { name } project { name } } }"""
    engine, core = await both.of(world, narrowed, query, id=world.requirement)
    assert engine.text == core.text
    found = engine.content["data"]["requirement"]
    assert found["block"]
    assert found["project"] is None
    assert engine.content["errors"][0]["path"] == ["requirement", "project"]


async def test_a_row_that_was_deleted_is_null_where_it_is_named(
    both: Both, world: World, superuser: Any
):
    person = await superuser.fetchval(
        "INSERT INTO profiles (id, email, full_name, deleted_at)"
        " VALUES (gen_random_uuid(), gen_random_uuid() || '@gone.example', 'Gone', now())"
        " RETURNING id"
    )
    await superuser.execute(
        "UPDATE requirements SET updated_by = $1 WHERE id = $2", person, world.requirement
    )
    query = "query ($id: UUID!) { requirement(id: $id) { updatedBy { fullName } } }"
    engine, core = await both.of(world, "owner", query, id=world.requirement)
    assert engine.text == core.text
    assert engine.content["data"]["requirement"] == {"updatedBy": None}
