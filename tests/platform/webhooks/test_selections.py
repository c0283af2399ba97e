"""Messages contain what their selection reads, with the rights of the service account."""

import pytest

from tests.platform.webhooks.endpoints import REQUIREMENT, UPDATE
from tests.platform.webhooks.test_delivery import BLOCK
from tests.world import Refused

SELECTION = """{ actor { fullName } kind
    entity { ... on Requirement {
        name version document { name project { organization { id } } } } } }"""


async def test_a_message_contains_its_selection_at_the_version_of_the_event(
    world, endpoints, receiver, sending
):
    endpoint = await endpoints.create(eventTypes=["requirement.*"], selection=SELECTION)
    id = await endpoints.write("One")
    await endpoints.rename(id, "Two")
    async with sending():
        await receiver.until(2)
    data = [request.verified(endpoint["secret"])["data"] for request in receiver.requests]
    assert [each["selection"]["entity"]["name"] for each in data] == ["One", "Two"]
    assert [each["selection"]["entity"]["version"] for each in data] == [1, 2]
    selected = data[0]["selection"]
    assert selected["kind"] == "CREATED"
    assert selected["actor"]["fullName"] == f"editor {world.name}"
    organization = {"id": str(world.organization)}
    assert selected["entity"]["document"]["project"]["organization"] == organization
    assert "errors" not in data[0]


async def test_an_endpoint_of_a_project_reads_nothing_outside_of_it(
    world, endpoints, receiver, sending
):
    endpoint = await endpoints.create(
        "project_admin", projectId=world.project, eventTypes=["requirement.*"], selection=SELECTION
    )
    other = await world.ask(
        "admin",
        """mutation ($id: UUID!) { projectCreate(input: {organizationId: $id, name: "Other",
            slug: "other"}) { project { id } } }""",
        id=world.organization,
    )
    made = await world.ask(
        "admin",
        """mutation ($id: UUID!) { documentCreate(input: {projectId: $id, name: "Other",
            slug: "other"}) { document { id } } }""",
        id=other["project"]["id"],
    )
    elsewhere = made["document"]["id"]
    block = (await world.ask("admin", BLOCK, document=elsewhere))["block"]["id"]
    async with sending():
        await world.ask(
            "admin",
            REQUIREMENT,
            document=elsewhere,
            block=block,
            name="Hidden",
        )
        await endpoints.write("Shown")
        await receiver.until(1)
    (request,) = receiver.requests
    selected = request.verified(endpoint["secret"])["data"]["selection"]
    assert selected["entity"]["name"] == "Shown"
    assert selected["entity"]["document"]["project"]["organization"] is None
    assert selected["actor"] is None, "its people are those of the organization"


@pytest.mark.parametrize(
    "selection",
    [
        "kind",
        "{ kind",
        "{ nothing }",
        "{ kind } }",
        "{ kind } other: organizationChanged(id: $id) { kind }",
        "{ ...F } } fragment F on ChangeEvent { kind",
        "{ entity { ... on Requirement { "
        + "children { nodes { " * 8
        + "id"
        + " } }" * 8
        + " } } }",
    ],
)
async def test_what_is_no_selection_of_an_event_is_refused(endpoints, selection):
    with pytest.raises(Refused) as refused:
        await endpoints.create(selection=selection)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "selection"])


async def test_a_selection_is_removed(world, endpoints, receiver, sending):
    endpoint = await endpoints.create(eventTypes=["requirement.*"], selection="{ kind }")
    await world.ask(
        "admin", UPDATE, id=endpoint["id"], version=1, input={"selection": None, "fields": []}
    )
    async with sending():
        await endpoints.write("One")
        await receiver.until(1)
    assert "selection" not in receiver.requests[0].content["data"]
