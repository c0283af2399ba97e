"""Filters name types and fields as the schema does; unknown names are refused."""

import pytest

from graph.http.operation.operations import NotRun
from graph.kit.named import field_names
from graph.kit.node import NODES
from graph.schema import schema
from tests.live.test_hub import DELETE, DOCUMENT, ORGANIZATION, PROJECT, REQUIREMENT, create, rename

CLIENT = """mutation ($id: UUID!) { oauthClientCreate(input: {
    organizationId: $id, name: "Planner", scopes: ["requirements:read"],
    redirectUris: ["https://planner.example/callback"] }) { client: oauthClient { id } } }"""
PAGE = """query($id: UUID!) { document(id: $id) { changes(after: "x", %s) { nodes { kind } } } }"""


def asking(query, arguments):
    return query.replace("id: $id", f"id: $id, {arguments}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "field", "named"),
    [
        ("types: [REQUIREMENT, STRIPE_CUSTOMER]", ["types", 1], "STRIPE_CUSTOMER"),
        ('fields: ["titel"]', ["fields"], "titel"),
        ('fields: ["name", "deletedAt"]', ["fields"], "deletedAt"),
        ('fields: ["block_id"]', ["fields"], "block_id"),
        ('types: [DOCUMENT], fields: ["status"]', ["fields"], "status"),
    ],
)
@pytest.mark.parametrize("query", [DOCUMENT, PAGE])
async def test_a_name_that_is_none_is_refused_with_those_there_are(
    world, follow, query, arguments, field, named
):
    if query is DOCUMENT:
        with pytest.raises(NotRun) as refused:
            await follow("viewer", asking(DOCUMENT, arguments), id=world.document)
        (error,) = refused.value.errors
    else:
        answer = await world.answer("viewer", PAGE % arguments, id=world.document)
        (error,) = answer["errors"]
    assert named in error["message"]
    extensions = error["extensions"]
    assert (extensions["code"], extensions["field"]) == ("INVALID", field)
    assert "REQUIREMENT" in extensions["known"] or "name" in extensions["known"]


async def test_the_fields_of_one_requirement_are_those_of_requirements(world, follow):
    with pytest.raises(NotRun) as refused:
        await follow("viewer", asking(REQUIREMENT, 'fields: ["slug"]'), id=world.requirement)
    assert "slug" not in refused.value.errors[0]["extensions"]["known"]
    follower = await follow(
        "viewer", asking(REQUIREMENT, 'fields: ["blockId"]'), id=world.requirement
    )
    await follower.until(lambda f: f.told)


async def test_a_type_has_one_name_in_the_filter_and_in_the_event(world, follow):
    query = asking(ORGANIZATION, "types: [OAUTH_CLIENT]").replace(
        "entity { id", "entity { __typename id"
    )
    follower = await follow("owner", query, id=world.organization)
    await follower.until(lambda f: f.told)
    await world.ask("owner", CLIENT, id=world.organization)
    (event,) = await follower.has(1)
    assert event["entityType"] == "OAUTH_CLIENT"
    assert event["entity"]["__typename"] == "OAuthClient"


async def test_changed_fields_are_fields_of_the_type(world, follow):
    follower = await follow("viewer", PROJECT, id=world.project)
    await rename(world, "Renamed")
    made = await create(world, "New")
    await world.ask("editor", DELETE, id=made["id"], v=made["version"])
    renamed, created, deleted = await follower.has(3)
    assert renamed["changedFields"] == ["name"]
    assert set(created["changedFields"]) <= set(schema._schema.type_map["Requirement"].fields)
    assert {"name", "documentId"} <= set(created["changedFields"])
    assert (deleted["kind"], deleted["changedFields"]) == ("DELETED", [])


@pytest.mark.parametrize("model", NODES, ids=lambda model: model.__name__)
def test_a_column_is_told_as_a_field_that_there_is(model):
    fields = schema._schema.type_map[NODES[model].__name__].fields
    named = field_names(model)
    assert set(named.values()) <= fields.keys()
    assert len(set(named.values())) == len(named)
