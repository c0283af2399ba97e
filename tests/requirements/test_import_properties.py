"""Imports create the properties that files define, use those that are there, and note the rest."""

import json

import pytest

from graph.requirements.exchange import parse_map
from tests.requirements.import_files import LIFT
from tests.requirements.importer import Importer

TABLE = """ID,Name,Effort,Due,Method,Checks,Safe
B1,Stops,8,2026-12-24T00:00:00,test,"Test, Review",yes
B2,Holds,many,soon,Guess,Review,no
B3,Rolls,,,,,
"""
TYPES = {"Effort": "number", "Due": "date", "Method": "select", "Checks": "multi_select"}


@pytest.fixture
def importer(world):
    return Importer(world)


async def properties(importer):
    rows = await importer.rows("properties", order="key")
    return {row["key"]: (row["property_type"], json.loads(row["options"])) for row in rows}


async def test_the_attributes_of_a_reqif_file_become_properties_of_the_project(importer):
    first = await importer.file(LIFT, person="admin")
    defined = await properties(importer)
    assert first.properties.created == len(defined) > 0
    types = {type for type, _ in defined.values()}
    assert types <= {"select", "multi_select", "number", "boolean"}
    assert not [note for note in first.notes if "takes no such values" in note]
    again = await importer.file(LIFT, person="admin")
    assert not again.changed


async def test_values_of_a_table_get_the_types_of_their_properties_and_others_are_noted(importer):
    columns = parse_map([f"{name}=property:{type}" for name, type in TYPES.items()])
    made = await importer.text(TABLE, person="admin", columns=columns)
    defined = await properties(importer)
    assert {key: type for key, (type, _) in defined.items()} == TYPES
    choices = [{"id": one, "label": one} for one in ("Test", "Review")]
    assert defined["Checks"] == ("multi_select", {"choices": choices})
    stored = await importer.requirements()
    assert json.loads(stored["B1"]["properties"]) == {
        "Effort": 8,
        "Due": "2026-12-24",
        "Method": "test",
        "Checks": ["Test", "Review"],
        "Safe": "yes",
    }
    assert json.loads(stored["B2"]["properties"])["Effort"] == "many"
    assert json.loads(stored["B3"]["properties"]) == {}
    kept = "(values: 1); they are kept as in the file."
    assert made.notes == [
        f"Effort takes no such values: 'many' {kept}",
        f"Due takes no such values: 'soon' {kept}",
    ]
    await importer.execute(
        "UPDATE projects SET strict_properties = true WHERE id = $1", importer.world.project
    )
    again = await importer.text(TABLE.replace("test", "TEST"), person="editor")
    assert not again.requirements.written
    left = "and the project allows only properties that are (values: 2); left out."
    assert again.notes[-1] == f"Safe is not defined, {left}"


async def test_who_does_not_administer_the_project_imports_typed_values_alone(
    importer,
):
    columns = parse_map(["Effort=property:number", "Safe=property:boolean"])
    made = await importer.text(TABLE, columns=columns)
    assert await properties(importer) == {}
    defined, unfit = made.notes
    assert defined.startswith("'Effort', 'Safe' could be defined as properties; administrators")
    assert unfit.startswith("Effort takes no such values: 'many'")
    stored = await importer.requirements()
    values = [json.loads(stored[id]["properties"]) for id in ("B1", "B2")]
    assert [(each["Effort"], each["Safe"]) for each in values] == [(8, True), ("many", False)]
    assert not (await importer.text(TABLE)).requirements.written
    await importer.text(TABLE, person="admin", columns=columns)
    assert (await properties(importer))["Effort"][0] == "number"


NEEDS = """{"current_version": "1", "versions": {"1": {"needs": {"R1": {
    "id": "R1", "title": "Stops", "effort": "8", "docname": "brakes"}}}}}"""
SDOC = "[DOCUMENT]\nTITLE: Brakes\n\n[REQUIREMENT]\nUID: R1\nTITLE: Stops\nEFFORT: 8\n"
MARKDOWN = "# Brakes\n\n## `R1` Stops\n\n| Attribute | Value |\n|---|---|\n| Effort | 8 |\n"


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("needs.json", NEEDS, "effort"),
        ("brakes.sdoc", SDOC, "EFFORT"),
        ("brakes.md", MARKDOWN, "Effort"),
    ],
)
async def test_attributes_of_any_format_are_mapped_to_typed_properties(importer, name, text, key):
    columns = parse_map([f"{key}=property:number"])
    await importer.text(text, name, person="admin", columns=columns)
    assert (await properties(importer))[key][0] == "number"
    stored = await importer.requirements()
    assert json.loads(stored["R1"]["properties"])[key] == 8
    assert not (await importer.text(text, name, person="admin", columns=columns)).changed
