"""Shares of a tenant's objects, for the tests of shares and of their pages."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from tests import networks
from tests.world import World

CREATE = """mutation ($input: ShareCreateInput!) { shareCreate(input: $input) { address
    share { id version name hint expiresAt revokedAt hasPassword objectId objectType
        project { id } createdBy { id } } } }"""
REVOKE = "mutation ($id: UUID!) { shareRevoke(id: $id) { share { version revokedAt } } }"
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: ShareUpdateInput!) {
    shareUpdate(id: $id, expectedVersion: $version, input: $input) {
        share { version name expiresAt hasPassword } } }"""
BASELINE = """mutation ($input: BaselineCreateInput!) { baselineCreate(input: $input) {
    baseline { id } } }"""
DELETE = "mutation ($id: UUID!) { documentDelete(id: $id, expectedVersion: 1) { __typename } }"
PASSWORD = "a long walk in the rain"


@dataclass
class Made:
    """A share; whoever has its key is known as `guest`."""

    address: str
    row: dict[str, Any]

    @property
    def id(self) -> UUID:
        return UUID(self.row["id"])

    @property
    def key(self) -> str:
        return self.address.rpartition("/")[2]

    @property
    def path(self) -> str:
        return f"/s/{self.key}"


async def share(world: World, person: str = "owner", object_id: Any = None, **more: Any) -> Made:
    """Share the document, or another object."""
    input = {"objectId": object_id or world.document, "name": "Supplier", **more}
    made = await world.ask(person, CREATE, input=input)
    world.tokens["guest"] = made["address"].rpartition("/")[2]
    return Made(made["address"], made["share"])


async def expire(world: World, made: Made) -> None:
    """Let the share expire now."""
    await world.superuser.execute(
        "UPDATE shares SET created_at = now() - interval '2 days',"
        " expires_at = now() - interval '1 second' WHERE id = $1",
        made.id,
    )


@asynccontextmanager
async def visitors(app: Any) -> AsyncIterator[Callable[[], httpx.AsyncClient]]:
    """Yield a function that makes browsers, each in a network of its own."""
    headers = {"accept": "text/html", "origin": "http://localhost"}
    async with AsyncExitStack() as opened:

        def visit() -> httpx.AsyncClient:
            transport = httpx.ASGITransport(app, client=(networks.address(), 50000))
            browser = httpx.AsyncClient(
                transport=transport, base_url="http://localhost", headers=headers
            )
            opened.push_async_callback(browser.aclose)
            return browser

        yield visit
