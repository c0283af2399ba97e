"""Saved mappings of columns: imports that use them, and what is refused."""

import json

import pytest

from tests.requirements.transferring import IMPORT, Transfers
from tests.storage.uploading import Uploading

CREATE = """mutation ($input: ImportMappingCreateInput!) { importMappingCreate(input: $input) {
    importMapping { id version columns { column field } delimiter } } }"""
UPDATE = """mutation ($id: UUID!, $input: ImportMappingUpdateInput!) {
    importMappingUpdate(id: $id, expectedVersion: 1, input: $input) {
        importMapping { version } } }"""
DELETE = """mutation ($id: UUID!) { importMappingDelete(id: $id, expectedVersion: 1) {
    importMapping { version } } }"""
RESTORE = """mutation ($id: UUID!) { importMappingRestore(id: $id, expectedVersion: 2) {
    importMapping { version } } }"""
FILE = b"Kurz;Aufwand\nBremse;8\n"
COLUMNS = [{"column": "Kurz", "field": "name"}, {"column": "Aufwand", "field": "property:number"}]


@pytest.fixture
def transfers(world, client, app):
    return Transfers(Uploading(world, app.state.storage, client))


async def test_an_import_reads_the_columns_as_the_saved_mapping_says(transfers):
    world = transfers.world
    input = {"projectId": world.project, "name": "Supplier", "columns": COLUMNS, "delimiter": ";"}
    mapping = (await world.ask("editor", CREATE, input=input))["importMapping"]
    assert (mapping["columns"], mapping["delimiter"]) == (COLUMNS, ";")
    job = await transfers.imported("parts.csv", FILE, mappingId=mapping["id"])
    assert job["error"] is None
    row = await world.superuser.fetchrow(
        "SELECT name, properties FROM requirements WHERE organization_id = $1 AND name = 'Bremse'",
        world.organization,
    )
    assert json.loads(row["properties"]) == {"Aufwand": 8}
    assert await world.code("editor", CREATE, input=input) == "ALREADY_EXISTS"


async def test_what_a_mapping_cannot_be_is_refused_with_its_path(transfers, other_project):
    world = transfers.world
    input = {"projectId": world.project, "name": "Supplier"}

    async def refused(**more):
        answer = await world.answer("editor", CREATE, input=input | more)
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "INVALID"
        return error["extensions"]["field"]

    wrong = [*COLUMNS, {"column": "A", "field": "nothing"}]
    assert await refused(columns=wrong) == ["input", "columns", 2, "field"]
    assert await refused(delimiter=";;") == ["input", "delimiter"]
    assert await world.code("viewer", CREATE, input=input) == "FORBIDDEN"
    mapping = (await world.ask("editor", CREATE, input=input))["importMapping"]["id"]
    file = await transfers.uploaded("parts.csv", FILE)
    elsewhere = {"projectId": other_project, "fileId": file, "mappingId": mapping}
    assert await world.code("owner", IMPORT, input=elsewhere, dryRun=True) == "INVALID"
    assert await world.code("editor", UPDATE, id=mapping, input={"columns": wrong}) == "INVALID"
    assert await world.code("outsider", UPDATE, id=mapping, input={"name": "X"}) == "NOT_FOUND"


async def test_a_deleted_mapping_is_not_used_until_it_is_restored(transfers):
    world = transfers.world
    input = {"projectId": world.project, "name": "Supplier", "columns": COLUMNS, "delimiter": ";"}
    mapping = (await world.ask("editor", CREATE, input=input))["importMapping"]["id"]
    file = await transfers.uploaded("parts.csv", FILE)
    use = {"projectId": world.project, "fileId": file, "mappingId": mapping}
    assert await world.code("viewer", DELETE, id=mapping) == "FORBIDDEN"
    await world.ask("editor", DELETE, id=mapping)
    assert await world.code("editor", IMPORT, input=use, dryRun=True) == "NOT_FOUND"
    await world.ask("editor", RESTORE, id=mapping)
    assert await world.code("editor", IMPORT, input=use, dryRun=True) is None
