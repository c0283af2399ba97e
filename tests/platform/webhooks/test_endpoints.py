"""Webhook endpoints over GraphQL: who administers them, and what is refused."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.platform.webhooks.endpoints import CREATE, ENDPOINT
from tests.world import Refused


async def refusal(endpoints, person="admin", **values):
    with pytest.raises(Refused) as refused:
        await endpoints.create(person, **values)
    return refused.value.code, refused.value.field


async def test_administrators_of_the_place_create_and_read_endpoints(world, other_world, endpoints):
    whole = await endpoints.create("owner")
    part = await endpoints.create("project_admin", projectId=world.project)
    assert whole["secret"].startswith("whsec_")
    for person, seen in {
        "owner": {whole["id"], part["id"]},
        "admin": {whole["id"], part["id"]},
        "project_admin": {part["id"]},
        "editor": set(),
        "project_editor": set(),
        "outsider": set(),
    }.items():
        page = await world.ask(person, "{ webhookEndpoints { totalCount nodes { id } } }")
        assert {node["id"] for node in page["nodes"]} == seen, person
    assert await world.code("editor", ENDPOINT, id=whole["id"]) == "NOT_FOUND"
    assert await world.code("project_admin", ENDPOINT, id=whole["id"]) == "NOT_FOUND"
    assert await other_world.code("owner", ENDPOINT, id=whole["id"]) == "NOT_FOUND"
    assert (await refusal(endpoints, "project_admin"))[0] == "FORBIDDEN"
    assert (await refusal(endpoints, "editor", projectId=world.project))[0] == "FORBIDDEN"


async def test_what_is_wrong_with_an_endpoint_is_told_with_its_path(world, other_world, endpoints):
    for values, field in (
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "url"),
        ({"url": "ftp://127.0.0.1/"}, "url"),
        ({"url": "no url"}, "url"),
        ({"name": " "}, "name"),
        ({"eventTypes": ["requirement.vanished"]}, "eventTypes"),
        ({"eventTypes": ["notification.created"]}, "eventTypes"),
        ({"fields": ["nothing"]}, "fields"),
    ):
        code, path = await refusal(endpoints, **values)
        assert (code, path[:2]) == ("INVALID", ["input", field]), values
    code, path = await refusal(endpoints, serviceAccountId=world.people["viewer"])
    assert (code, path) == ("NOT_FOUND", ["input", "serviceAccountId"])
    code, path = await refusal(endpoints, projectId=other_world.project)
    assert (code, path) == ("NOT_FOUND", ["input", "projectId"])
    code, path = await refusal(endpoints, organizationId=other_world.organization)
    assert (code, path) == ("NOT_FOUND", ["input", "organizationId"])
    page = await world.ask("admin", "{ webhookEndpoints { totalCount } }")
    assert page["totalCount"] == 0


async def test_the_scopes_of_a_token_limit_what_its_endpoints_are_sent(world, endpoints):
    token = await world.ask(
        "admin",
        """mutation ($at: DateTime!) { personalTokenCreate(input: {name: "Sync",
            scopes: ["organizations:write"], expiresAt: $at}) { secret } }""",
        at=(datetime.now(UTC) + timedelta(days=7)).isoformat(),
    )
    answer = await world.client.post(
        "/graphql",
        json={
            "query": CREATE,
            "variables": {
                "input": {
                    "organizationId": str(world.organization),
                    "name": "Sync",
                    "url": endpoints.receiver.url,
                    "serviceAccountId": str(endpoints.account),
                }
            },
        },
        headers={"Authorization": f"Bearer {token['secret']}"},
    )
    made = answer.json()["data"]["webhookEndpointCreate"]["webhookEndpoint"]
    assert made["scopes"] == ["organizations:write"]


async def test_a_deleted_endpoint_is_restored(world, endpoints):
    endpoint = await endpoints.create()
    for name, version in (("webhookEndpointDelete", 1), ("webhookEndpointRestore", 2)):
        mutation = """mutation ($id: UUID!, $version: BigInt!) {
            %s(id: $id, expectedVersion: $version) { webhookEndpoint { id version } } }"""
        made = await world.ask("admin", mutation % name, id=endpoint["id"], version=version)
        assert made["webhookEndpoint"]["version"] == version + 1
        gone = name == "webhookEndpointDelete"
        assert (await world.code("admin", ENDPOINT, id=endpoint["id"]) == "NOT_FOUND") is gone
