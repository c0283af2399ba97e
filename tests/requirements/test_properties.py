"""Properties: typed definitions at three scopes, and the columns that show them."""

import pytest

from graph.requirements import property_limits
from tests.world import Refused

CREATE = """mutation ($input: PropertyCreateInput!) { propertyCreate(input: $input) { property {
    id version key name propertyType scope isBase organizationId projectId documentId
    options { choices { id label color } minimum maximum earliest latest pattern default } } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: PropertyUpdateInput!) {
    propertyUpdate(id: $id, expectedVersion: $version, input: $input) { property {
        version key name propertyType options { choices { id label } } } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) {
    propertyDelete(id: $id, expectedVersion: $version) { property { id version } } }"""
COLUMN = """mutation ($input: ColumnCreateInput!) { columnCreate(input: $input) { column {
    id version position width isHidden isPinned defaultValue property { key } block { id } } } }"""
CHANGE_COLUMN = """mutation ($id: UUID!, $version: BigInt!, $input: ColumnUpdateInput!) {
    columnUpdate(id: $id, expectedVersion: $version, input: $input) { column {
        width isPinned defaultValue } } }"""
SCOPES = """query ($organization: UUID!, $project: UUID!, $document: UUID!) {
    organization(id: $organization) { properties { nodes { key scope } } }
    project(id: $project) { properties { nodes { key scope } } }
    document(id: $document) { properties { nodes { key scope } totalCount } } }"""
TABLE = """query ($id: UUID!) { block(id: $id) { columns { nodes {
    position property { name columns { totalCount } } } } } }"""
TRASH = """query ($id: UUID!) { trash(organizationId: $id, types: [PROPERTY, COLUMN]) { nodes {
    entityType name } } }"""


@pytest.fixture
def define(world):
    """Create a property as an administrator; the property."""

    async def define(name="Effort", type="NUMBER", options=None, **input):
        scope = input or {"projectId": world.project}
        input = {"name": name, "propertyType": type, "options": options, **scope}
        return (await world.ask("admin", CREATE, input=input))["property"]

    return define


async def refusal(world, query, **variables):
    with pytest.raises(Refused) as refused:
        await world.ask("admin", query, **variables)
    return refused.value.code, refused.value.field


async def test_each_scope_lists_what_it_defines_and_members_read_what_their_organization_does(
    world, define
):
    made = await define("Effort", organizationId=world.organization)
    assert (made["scope"], made["projectId"], made["key"]) == ("ORGANIZATION", None, "Effort")
    await define("Risk", projectId=world.project)
    await define("Note", "TEXT", documentId=world.document)
    places = {name: getattr(world, name) for name in ("organization", "project", "document")}
    read = await world.ask("project_viewer", SCOPES, **places)
    assert {name: found["properties"]["nodes"] for name, found in read.items()} == {
        "organization": [{"key": "Effort", "scope": "ORGANIZATION"}],
        "project": [{"key": "Risk", "scope": "PROJECT"}],
        "document": [{"key": "Note", "scope": "DOCUMENT"}],
    }
    node = "query ($id: ID!) { node(id: $id) { id } }"
    assert await world.code("billing", node, id=made["id"]) == "NOT_FOUND"
    both = {"name": "X", "propertyType": "TEXT", **{f"{n}Id": places[n] for n in places}}
    assert await refusal(world, CREATE, input=both) == ("INVALID", ["input", "organizationId"])


@pytest.mark.parametrize(
    ("type", "options", "path"),
    [
        ("TEXT", {"minimum": 1}, ["minimum"]),
        ("TEXT", {"pattern": "(a"}, ["pattern"]),
        ("TEXT", {"pattern": "[A-Z]+", "default": "a"}, ["default"]),
        ("NUMBER", {"minimum": 2, "maximum": 1}, ["maximum"]),
        ("DATE", {"earliest": "2026-02-01", "default": "2026-01-31"}, ["default"]),
        ("SELECT", None, ["choices"]),
        ("SELECT", {"choices": [{"label": "A"}, {"label": "A"}]}, ["choices", 1, "id"]),
        ("SELECT", {"choices": [{"label": "A", "color": "red"}]}, ["choices", 0, "color"]),
        ("MULTI_SELECT", {"choices": [{"label": "A"}], "default": ["A", "B"]}, ["default", 1]),
        ("USER", {"default": "00000000-0000-7000-8000-000000000000"}, ["default"]),
    ],
)
async def test_options_that_do_not_fit_the_type_are_refused_with_their_path(
    world, type, options, path
):
    input = {"projectId": world.project, "name": "P", "propertyType": type, "options": options}
    assert await refusal(world, CREATE, input=input) == ("INVALID", ["input", "options", *path])


async def test_a_name_changes_and_the_key_stays(world, define):
    choices = [{"label": "Test", "color": "#00aa00"}, {"id": "review", "label": "Review"}]
    made = await define("Verification", "SELECT", {"choices": choices, "default": "Test"})
    assert made["options"]["choices"] == [
        {"id": "Test", "label": "Test", "color": "#00aa00"},
        {"id": "review", "label": "Review", "color": None},
    ]
    renamed = {"name": "Verified by", "options": {"choices": [{"id": "Test", "label": "A test"}]}}
    changed = await world.ask("admin", UPDATE, id=made["id"], version=1, input=renamed)
    assert changed["property"] == {
        "version": 2,
        "key": "Verification",
        "name": "Verified by",
        "propertyType": "SELECT",
        "options": {"choices": [{"id": "Test", "label": "A test"}]},
    }
    again = {"projectId": world.project, "name": "Other", "key": "Verification"}
    taken = await refusal(world, CREATE, input=again | {"propertyType": "TEXT"})
    assert taken == ("ALREADY_EXISTS", ["input", "key"])
    await define("Verification", "TEXT", documentId=world.document)  # another scope


async def test_a_base_property_is_neither_deleted_nor_retyped(world):
    base = {"organizationId": world.organization, "isBase": True}
    input = base | {"name": "Owner", "propertyType": "USER"}
    made = (await world.ask("admin", CREATE, input=input))["property"]
    change = {"id": made["id"], "version": 1}
    retyped = await refusal(world, UPDATE, **change, input={"propertyType": "TEXT"})
    assert retyped == ("INVALID", ["input", "propertyType"])
    assert (await refusal(world, DELETE, **change))[0] == "INVALID"
    await world.ask("admin", UPDATE, **change, input={"name": "Accountable"})


async def test_columns_stand_in_their_order_and_show_properties_of_their_document(world, define):
    effort, risk = await define("Effort", options={"maximum": 5}), await define("Risk", "TEXT")
    for shown in (effort, risk):
        input = {"blockId": world.block, "propertyId": shown["id"]}
        column = (await world.ask("editor", COLUMN, input=input))["column"]
    assert (column["position"], column["isHidden"], column["defaultValue"]) == (2, False, None)
    twice = await refusal(world, COLUMN, input=input)
    assert twice == ("ALREADY_EXISTS", ["input", "propertyId"])
    read = await world.ask("viewer", TABLE, id=world.block)
    names = [(node["position"], node["property"]["name"]) for node in read["columns"]["nodes"]]
    assert names == [(1, "Effort"), (2, "Risk")]
    move = """mutation ($id: UUID!, $at: ColumnPlaceInput!) { columnMove(id: $id,
        expectedVersion: 1, placeAt: $at) { column { position version } } }"""
    first = await world.ask("editor", move, id=column["id"], at={"at": {"end": "START"}})
    assert first["column"] == {"position": 0, "version": 2}
    wide = {"width": 240, "isPinned": True, "defaultValue": "None"}
    change = {"id": column["id"], "version": 2}
    changed = await world.ask("editor", CHANGE_COLUMN, **change, input=wide)
    assert changed["column"] == wide
    wrong = await refusal(world, CHANGE_COLUMN, id=column["id"], version=3, input={"width": 0})
    assert wrong == ("INVALID", ["input", "width"])
    wrong = {"id": column["id"], "version": 3, "input": {"defaultValue": 7}}
    assert await refusal(world, CHANGE_COLUMN, **wrong) == ("INVALID", ["input", "defaultValue"])


async def test_a_deleted_property_and_its_column_are_in_the_trash_by_name(world, define):
    made = await define("Effort")
    input = {"blockId": world.block, "propertyId": made["id"]}
    column = (await world.ask("editor", COLUMN, input=input))["column"]
    await world.ask("admin", DELETE, id=made["id"], version=1)
    assert (await world.ask("viewer", TABLE, id=world.block))["columns"]["nodes"] == []
    gone = """mutation ($id: UUID!) { columnDelete(id: $id, expectedVersion: 1) {
        column { id } } }"""
    await world.ask("editor", gone, id=column["id"])
    listed = await world.ask("admin", TRASH, id=world.organization)
    assert listed["nodes"] == [
        {"entityType": "COLUMN", "name": "Effort"},
        {"entityType": "PROPERTY", "name": "Effort"},
    ]
    restore = """mutation ($property: UUID!, $column: UUID!) {
        propertyRestore(id: $property, expectedVersion: 2) { property { id } }
        columnRestore(id: $column, expectedVersion: 2) { column { property { name } } } }"""
    restored = await world.ask("admin", restore, property=made["id"], column=column["id"])
    assert restored["columnRestore"]["column"]["property"] == {"name": "Effort"}


async def test_many_properties_of_several_scopes_are_written_together(world):
    create = """mutation ($items: [PropertyCreateInput!]!) {
        propertiesCreate(items: $items, onError: CONTINUE) {
            results { property { id scope } error { code field } } } }"""
    items = [
        {"organizationId": world.organization, "name": "A", "propertyType": "TEXT"},
        {"projectId": world.project, "name": "B", "propertyType": "SELECT"},
        {"documentId": world.document, "name": "C", "propertyType": "URL"},
        {"documentId": world.block, "name": "D", "propertyType": "URL"},
    ]
    made = (await world.ask("admin", create, items=items))["results"]
    scopes = [result["property"] and result["property"]["scope"] for result in made]
    assert scopes == ["ORGANIZATION", None, "DOCUMENT", None]
    errors = [result["error"] for result in made if result["error"]]
    assert errors == [
        {"code": "INVALID", "field": ["items", 1, "options", "choices"]},
        {"code": "NOT_FOUND", "field": ["items", 3, "documentId"]},
    ]


async def test_a_scope_has_500_properties_at_most(world, define, monkeypatch):
    monkeypatch.setattr(property_limits, "MAX_PROPERTIES", 2)
    first = await define("First")
    await define("Second")
    assert await refusal(
        world, CREATE, input={"projectId": world.project, "name": "Third", "propertyType": "TEXT"}
    ) == ("INVALID", ["input", "projectId"])
    await define("Another scope", documentId=world.document)
    await world.ask("admin", DELETE, id=first["id"], version=1)
    made = await define("Third")
    restore = """mutation ($id: UUID!) {
        propertyRestore(id: $id, expectedVersion: 2) { property { id } } }"""
    assert await world.code("admin", restore, id=first["id"]) == "INVALID"
    await world.ask("admin", DELETE, id=made["id"], version=1)
    assert await world.code("admin", restore, id=first["id"]) is None


@pytest.mark.slow
async def test_definitions_and_columns_are_changed_reverted_and_deleted_many_at_once(world, define):
    made = await define("Effort", options={"maximum": 5})
    columns = """mutation ($items: [ColumnCreateInput!]!) { columnsCreate(items: $items) {
        results { column { id position } } } }"""
    items = [{"blockId": world.block, "propertyId": made["id"], "width": 80}]
    (column,) = (await world.ask("editor", columns, items=items))["results"]
    many = """mutation ($property: PropertiesUpdateItemInput!, $column: ColumnsUpdateItemInput!) {
        propertiesUpdate(items: [$property]) { results { property { options { maximum } } } }
        columnsUpdate(items: [$column]) { results { column { width isHidden } } } }"""
    variables = {
        "property": {"id": made["id"], "input": {"name": "Cost", "options": {"maximum": 9}}},
        "column": {"id": column["column"]["id"], "input": {"isHidden": True}},
    }
    variables = {name: one | {"expectedVersion": 1} for name, one in variables.items()}
    changed = await world.ask("admin", many, **variables)
    assert changed["propertiesUpdate"]["results"][0]["property"]["options"] == {"maximum": 9}
    ids = {name: one["id"] for name, one in variables.items()}
    revert = """mutation ($property: UUID!, $column: UUID!) {
        propertyRevert(id: $property, expectedVersion: 2, toVersion: 1) {
            property { name options { maximum } history { totalCount } } }
        columnRevert(id: $column, expectedVersion: 2, toVersion: 1) { column { isHidden } } }"""
    reverted = await world.ask("admin", revert, **ids)
    expected = {"name": "Effort", "options": {"maximum": 5}, "history": {"totalCount": 3}}
    assert reverted["propertyRevert"]["property"] == expected
    assert reverted["columnRevert"]["column"] == {"isHidden": False}
    delete = """mutation ($property: UUID!, $column: UUID!) {
        columnsMove(items: [{ id: $column, expectedVersion: 3, placeAt: { at: { end: END } } }]) {
            succeeded }
        columnsDelete(items: [{ id: $column, expectedVersion: 3 }]) { succeeded }
        propertiesDelete(items: [{ id: $property, expectedVersion: 3 }]) { succeeded } }"""
    assert await world.ask("admin", delete, **ids) == {
        "columnsMove": {"succeeded": 1},
        "columnsDelete": {"succeeded": 1},
        "propertiesDelete": {"succeeded": 1},
    }
