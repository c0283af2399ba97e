"""Exports of a filter, of the state of a baseline, and of that of a change set."""

import csv
import io

import pytest

from tests.requirements.proposals import Proposal
from tests.requirements.transferring import EXPORT, Transfers
from tests.storage.uploading import Uploading

BASELINE = """mutation ($input: BaselineCreateInput!) { baselineCreate(input: $input) {
    baseline { id } } }"""
UPDATE = """mutation ($id: UUID!, $name: String!) { requirementUpdate(id: $id, expectedVersion: 1,
    input: {name: $name}) { requirement { id } } }"""


@pytest.fixture
def transfers(world, client, app):
    return Transfers(Uploading(world, app.state.storage, client))


def names(content):
    return [row["Name"] for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig")))]


async def test_an_export_has_what_matches_in_the_state_that_was_asked_for(transfers):
    world = transfers.world
    document = {"documentId": world.document}
    here = {"projectId": world.project, "name": "First"}
    baseline = (await world.ask("admin", BASELINE, input=here))["baseline"]["id"]
    before = names(await transfers.exported("CSV", **document))
    await world.ask("editor", UPDATE, id=world.requirement, name="Renamed")
    assert "Renamed" in names(await transfers.exported("CSV", **document))
    frozen = await transfers.exported("CSV", **document, baselineId=baseline)
    assert names(frozen) == before
    wanted = {"name": {"eq": "Renamed"}, "createdAt": {"gt": "2000-01-01T00:00:00Z"}}
    assert names(await transfers.exported("CSV", **document, filter=wanted)) == ["Renamed"]
    proposal = await Proposal.begin(world)
    change = {"id": str(world.requirement), "expectedVersion": 2, "input": {"name": "Proposed"}}
    await proposal.edit({"requirementUpdate": change})
    wanted = {"name": {"eq": "Proposed"}}
    input = {**document, "changeSetId": proposal.id, "filter": wanted}
    assert names(await transfers.exported("CSV", **input)) == ["Proposed"]
    assert b"Renamed" in await transfers.exported("REQIF")


async def test_states_of_other_projects_and_both_at_once_are_refused(transfers, other_project):
    world = transfers.world
    here = {"projectId": world.project, "name": "First"}
    baseline = (await world.ask("admin", BASELINE, input=here))["baseline"]["id"]
    change_set = (await Proposal.begin(world)).id

    async def code(by, **input):
        given = {"projectId": world.project, "format": "REQIF", **input}
        return await world.code(by, EXPORT, input=given)

    assert await code("viewer", baselineId=baseline, changeSetId=change_set) == "INVALID"
    assert await code("owner", baselineId=baseline, projectId=other_project) == "INVALID"
    assert await code("outsider", baselineId=baseline) == "NOT_FOUND"
    many = {"name": {"in": ["x"] * 5_000}}
    assert await code("viewer", filter=many) in {"INVALID", "QUERY_TOO_COMPLEX"}
