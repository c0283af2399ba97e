"""Values of properties: checked where they are written, and left as they are where they are not."""

import pytest

from tests.world import Refused

CREATE = """mutation ($input: RequirementCreateInput!) { requirementCreate(input: $input) {
    requirement { id version properties } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: RequirementUpdateInput!) {
    requirementUpdate(id: $id, expectedVersion: $version, input: $input) {
        requirement { version properties } } }"""
READ = "query ($id: UUID!) { requirement(id: $id) { version properties } }"
DEFINE = """mutation ($items: [PropertyCreateInput!]!) { propertiesCreate(items: $items) {
    results { property { id key } } } }"""
STRICT = """mutation ($id: UUID!) { projectUpdate(id: $id, expectedVersion: 1,
    input: { strictProperties: true }) { project { strictProperties } } }"""
CHOICES = {"choices": [{"label": "Test"}, {"label": "Review"}]}


@pytest.fixture
async def defined(world):
    """Define a property of each type in the project, by keys that are types; their IDs by key."""
    types = {
        "TEXT": {"pattern": "[A-Z]{3}-[0-9]+"},
        "NUMBER": {"minimum": 1, "maximum": 8},
        "BOOLEAN": None,
        "DATE": {"earliest": "2026-01-01"},
        "SELECT": CHOICES,
        "MULTI_SELECT": CHOICES,
        "USER": None,
        "URL": None,
    }
    items = [
        {"projectId": world.project, "name": type.lower(), "propertyType": type, "options": options}
        for type, options in types.items()
    ]
    made = (await world.ask("admin", DEFINE, items=items))["results"]
    return {one["property"]["key"]: one["property"]["id"] for one in made}


async def written(world, properties, person="editor"):
    input = {"documentId": world.document, "name": "New", "properties": properties}
    return (await world.ask(person, CREATE, input=input))["requirement"]["properties"]


async def faults(world, properties, query=CREATE, person="editor", **variables):
    """Return the messages of the refusal by the paths of its fields."""
    input = {"properties": properties}
    if query == CREATE:
        input |= {"documentId": world.document, "name": "New"}
    with pytest.raises(Refused) as refused:
        await world.ask(person, query, input=input, **variables)
    (error,) = refused.value.errors
    told = error["extensions"]
    first = {"message": error["message"], "field": told["field"]}
    errors = told.get("errors", [first])
    assert (told["code"], errors[0]) == ("INVALID", first)
    return {tuple(one["field"]): one["message"] for one in errors}


@pytest.mark.usefixtures("defined")
async def test_a_value_of_each_type_is_stored_as_it_is(world):
    properties = {
        "text": "SYS-1",
        "number": 2.5,
        "boolean": False,
        "date": "2026-11-30",
        "select": "Test",
        "multi_select": ["Review", "Test"],
        "user": str(world.people["viewer"]),
        "url": "https://example.com/a?b=c",
        "undefined": {"anything": [1]},
    }
    # Who may write in the document alone is bound by the project as well.
    assert await written(world, properties, "document_editor") == properties
    assert await written(world, {"number": None}) == {"number": None}


@pytest.mark.usefixtures("defined")
async def test_each_value_that_does_not_fit_is_named_by_its_path(world):
    properties = {
        "text": "sys-1",
        "number": True,
        "boolean": "yes",
        "date": "2025-12-31",
        "select": "Guess",
        "multi_select": ["Test", "Test"],
        "user": str(world.people["outsider"]),
        "url": "javascript:alert(1)",
    }
    paths = {(key,): None for key in properties} | {("multi_select", 1): None}
    del paths[("multi_select",)]
    expected = {("input", "properties", *path) for path in paths}
    for person in ("editor", "document_editor"):
        found = await faults(world, properties, person=person)
        assert found.keys() == expected
    assert found[("input", "properties", "text")] == "Must match the pattern [A-Z]{3}-[0-9]+."
    too_much = await faults(world, {"number": 9})
    assert too_much == {("input", "properties", "number"): "Must be at most 8."}
    document = """mutation ($id: UUID!, $properties: JSON!) { documentCreate(input: {
        projectId: $id, name: "D", slug: "d", blocks: [{ name: "B",
        requirements: [{ name: "R", properties: $properties }] }] }) { document { id } } }"""
    with pytest.raises(Refused) as refused:
        await world.ask("editor", document, id=world.project, properties={"number": 0})
    path = ["input", "blocks", 0, "requirements", 0, "properties", "number"]
    assert refused.value.field == path


async def test_only_values_that_change_are_checked(world, defined):
    await world.superuser.execute(
        "UPDATE requirements SET properties = $2 WHERE id = $1",
        world.requirement,
        '{"number": "many", "select": "Test"}',
    )
    change = {"id": world.requirement, "version": 1}
    patched = {"propertiesPatch": {"select": "Review"}}
    kept = (await world.ask("editor", UPDATE, **change, input=patched))["requirement"]
    assert kept == {"version": 2, "properties": {"number": "many", "select": "Review"}}
    change["version"] = 2
    with pytest.raises(Refused) as refused:
        await world.ask("editor", UPDATE, **change, input={"propertiesPatch": {"number": "few"}})
    assert refused.value.field == ["input", "propertiesPatch", "number"]
    whole = {"number": "many", "select": "Guess"}
    found = await faults(world, whole, UPDATE, **change)
    assert list(found) == [("input", "properties", "select")]
    delete = """mutation ($id: UUID!) { propertyDelete(id: $id, expectedVersion: 1) {
        property { id } } }"""
    await world.ask("admin", delete, id=defined["number"])
    free = {"propertiesPatch": {"number": "any"}}
    assert (await world.ask("editor", UPDATE, **change, input=free))["requirement"]["version"] == 3


@pytest.mark.usefixtures("defined")
async def test_items_of_a_bulk_are_refused_one_by_one_and_stay_as_they_were(world):
    bulk = """mutation ($items: [RequirementsUpdateItemInput!]!) {
        requirementsUpdate(items: $items, onError: CONTINUE) { results {
            requirement { properties } error { code message field } } } }"""
    create = """mutation ($items: [RequirementCreateInput!]!) {
        requirementsCreate(items: $items, onError: CONTINUE) { results {
            requirement { id } error { field } } } }"""
    new = {"documentId": world.document, "name": "New"}
    items = [new | {"properties": {"number": number}} for number in (1, 0)]
    made = (await world.ask("editor", create, items=items))["results"]
    assert made[1]["error"]["field"] == ["items", 1, "properties", "number"]
    ids = [made[0]["requirement"]["id"], world.requirement]
    items = [
        {"id": id, "expectedVersion": 1, "input": {"name": "Changed", "properties": {"number": n}}}
        for id, n in zip(ids, (8, 9), strict=True)
    ]
    results = (await world.ask("editor", bulk, items=items))["results"]
    assert results[0]["requirement"] == {"properties": {"number": 8}}
    assert results[1]["error"] == {
        "code": "INVALID",
        "message": "Must be at most 8.",
        "field": ["items", 1, "input", "properties", "number"],
    }
    assert await world.ask("editor", READ, id=world.requirement) == {"version": 1, "properties": {}}


@pytest.mark.usefixtures("defined")
async def test_a_strict_project_takes_no_other_properties(world):
    await world.ask("admin", STRICT, id=world.project)
    found = await faults(world, {"number": 1, "Owner name": "Ann"})
    assert list(found) == [("input", "properties", "Owner name")]
    assert await written(world, {"number": 1}) == {"number": 1}


async def test_the_narrowest_definition_counts_except_against_a_base_property(world):
    names = {"organization": "NUMBER", "project": "BOOLEAN", "document": "DATE"}
    items = [
        {f"{scope}Id": getattr(world, scope), "name": "Due", "propertyType": type}
        for scope, type in names.items()
    ]
    base = {"name": "Risk", "propertyType": "NUMBER", "isBase": True}
    items.append({"organizationId": world.organization, **base})
    items.append({"documentId": world.document, "name": "Risk", "propertyType": "TEXT"})
    await world.ask("admin", DEFINE, items=items)
    assert await written(world, {"Due": "2026-11-30", "Risk": 3})
    found = await faults(world, {"Due": 1, "Risk": "high"})
    assert [path[-1] for path in found] == ["Due", "Risk"]


async def test_defaults_fill_what_a_new_requirement_leaves_out(world):
    options = {**CHOICES, "default": "Test"}
    items = [
        {"projectId": world.project, "name": name, "propertyType": "SELECT", "options": options}
        for name in ("Verification", "Approval")
    ]
    made = (await world.ask("admin", DEFINE, items=items))["results"]
    column = """mutation ($input: ColumnCreateInput!) { columnCreate(input: $input) {
        column { id } } }"""
    shown = {"blockId": world.block, "propertyId": made[0]["property"]["id"]}
    await world.ask("editor", column, input=shown | {"defaultValue": "Review"})
    assert await written(world, {}) == {"Verification": "Test", "Approval": "Test"}
    new = {"documentId": world.document, "blockId": world.block, "name": "New"}
    inside = await world.ask("editor", CREATE, input=new | {"properties": {"Approval": None}})
    assert inside["requirement"]["properties"] == {"Verification": "Review", "Approval": None}


async def test_no_two_keys_look_alike(world):
    strange = [
        "",
        " a",
        "a\u200bb",
        "a\u202eb",
        "e\u0301",
        "a\nb",
        "a\u00a0b",
        "k" * 501,
        "a" + "\u0301" * 9,
    ]
    told = await faults(world, dict.fromkeys([*strange, "\u00e9", "a b"], 1))
    assert {path[-1] for path in told} == {*strange}
    kept = await written(world, {"\u00e9": 1, "a b": 2, "k" * 500: 3})
    assert len(kept) == 3


async def test_keys_that_were_there_before_stay_when_others_change(world):
    await world.superuser.execute(
        "UPDATE requirements SET properties = $2 WHERE id = $1", world.requirement, '{" a": 1}'
    )
    patched = await world.ask(
        "editor", UPDATE, id=world.requirement, version=1, input={"propertiesPatch": {"b": 2}}
    )
    assert patched["requirement"]["properties"] == {" a": 1, "b": 2}


async def test_of_many_values_that_do_not_fit_the_first_are_named(world):
    with pytest.raises(Refused) as refused:
        await written(world, {f" {n}": n for n in range(101)})
    (error,) = refused.value.errors
    assert len(error["extensions"]["errors"]) == 100
    assert error["message"].endswith("101 values do not fit; the first 100 are named.")
