"""Browsers in which people of a world are signed in, which ask the API."""

import httpx
import pytest

from auth.credentials.browser_sessions import start
from auth.origin import Origin
from db.pool import NOBODY


@pytest.fixture
async def browse(world, app, settings):
    """Return a function that signs a person in, and returns one that asks in that session."""
    opened = []

    async def browse(person, agent="A browser"):
        transport = httpx.ASGITransport(app)
        browser = httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers={"origin": "http://localhost"}
        )
        opened.append(browser)
        async with world.database.auth.lend(NOBODY) as lent:
            origin = Origin(ip_address="192.0.2.7", user_agent=agent)
            started = await start(lent, world.people[person], origin, settings)
        browser.cookies.set("gateway", started.secret, domain="localhost.local")

        async def ask(query, **variables):
            body = {"query": query, "variables": variables}
            return (await browser.post("/graphql", json=body)).json()

        return ask

    yield browse
    for browser in opened:
        await browser.aclose()


def code(answer):
    return answer["errors"][0]["extensions"]["code"]
