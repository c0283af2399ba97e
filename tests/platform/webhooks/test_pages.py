"""The pages of webhooks: endpoints, deliveries, test messages and replay, without a script."""

import re

import httpx
import pytest

from auth.credentials.people import create_person
from tests.platform.webhooks.endpoints import Endpoints

PASSWORD = "correct horse battery"


@pytest.fixture
async def browser_of(app, world, database):
    """Return a signed-in client of a new administrator, or of somebody without a role."""
    clients = []

    async def sign_in(role):
        email = f"{role}.pages.{world.name}@test.example"
        person = await create_person(database, email, "Ada Example", PASSWORD)
        await world.superuser.execute(
            "INSERT INTO organization_members (organization_id, user_id, role) VALUES ($1, $2, $3)",
            world.organization,
            person,
            role,
        )
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")
        clients.append(client)
        page = await client.get("/sign-in?next=/webhooks")
        fields = {"email": email, "password": PASSWORD, "next": "/webhooks"}
        await send(client, page, "/sign-in", **fields)
        return client

    yield sign_in
    for client in clients:
        await client.aclose()


async def send(client, page, path, **fields):
    """Send a form of this page."""
    token = re.search('name="csrf_token" value="([^"]+)"', page.text)[1]
    headers = {"Origin": "http://localhost"}
    return await client.post(path, data={"csrf_token": token, **fields}, headers=headers)


@pytest.mark.slow
async def test_an_administrator_looks_at_deliveries_and_sends_again(
    world, endpoints: Endpoints, receiver, sending, browser_of
):
    endpoint = await endpoints.create(eventTypes=["requirement.created"])
    client, path = await browser_of("admin"), f"/webhooks/endpoint?id={endpoint['id']}"
    async with sending():
        await endpoints.write("<b>Stop</b>")
        (delivery,) = await endpoints.deliveries(endpoint["id"], 1, "SUCCEEDED")
        listed = await client.get("/webhooks")
        assert path in listed.text
        assert "last success" in listed.text
        page = await client.get(path)
        assert delivery["webhookId"] in page.text
        assert "webhook-signature: v1," in page.text
        assert "x-served-by: test" in page.text
        sent = await send(client, page, "/webhooks/ping", id=endpoint["id"])
        assert sent.status_code == 303
        page = await client.get(sent.headers["location"])
        assert "A test message is sent." in page.text
        await receiver.until(2)
        sent = await send(client, page, "/webhooks/replay", id=delivery["id"])
        assert sent.status_code == 303
        await receiver.until(3)
    assert receiver.types() == ["requirement.created", "webhook.ping", "requirement.created"]
    without = await client.post("/webhooks/ping", data={"id": endpoint["id"]})
    assert without.status_code == 403


async def test_others_see_no_endpoints(world, endpoints: Endpoints, browser_of):
    endpoint = await endpoints.create()
    client = await browser_of("editor")
    assert "There are no webhook endpoints" in (await client.get("/webhooks")).text
    assert (await client.get(f"/webhooks/endpoint?id={endpoint['id']}")).status_code == 404
    anonymous = httpx.AsyncClient(transport=client._transport, base_url="http://localhost")
    asked = await anonymous.get("/webhooks")
    assert asked.headers["location"] == "/sign-in?next=%2Fwebhooks"
