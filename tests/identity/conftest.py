"""The gateway with a name server of the tests, and organizations with domains."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.applications import Starlette

from db.pool import Database
from graph.settings import Settings
from tests.conftest import running
from tests.mails import captured
from tests.name_server import NameServer, name_server
from tests.world import World

CREATE = """
mutation ($input: OrganizationDomainCreateInput!) {
  organizationDomainCreate(input: $input) {
    organizationDomain { id version domain recordName recordValue verifiedAt autoJoinRole }
  }
}
"""
VERIFY = """
mutation ($id: UUID!) {
  organizationDomainVerify(id: $id) {
    organizationDomain { id version verifiedAt checkedAt failingSince }
  }
}
"""


@pytest.fixture(scope="session")
async def names() -> AsyncIterator[NameServer]:
    """Yield the name server that the gateway asks."""
    async with name_server() as server:
        yield server


@pytest.fixture(scope="session")
def settings(settings: Settings, names: NameServer) -> Settings:
    return settings.model_copy(update={"dns_servers": (f"127.0.0.1:{names.port}",)})


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[Starlette]:
    async with running(settings) as app:
        yield app


@pytest.fixture(scope="session")
async def client(app: Starlette, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    database.access_changed = app.state.viewers.clear
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
def mails():
    with captured() as mails:
        yield mails


class Domains:
    """Domains of an organization, and their records."""

    def __init__(self, names: NameServer) -> None:
        self.names = names

    async def add(self, world: World, domain: str = "", **input: Any) -> dict[str, Any]:
        """Create a domain that is not verified yet."""
        domain = domain or f"{uuid4().hex[:12]}.example"
        input = {"organizationId": world.organization, "domain": domain, **input}
        created = await world.ask("owner", CREATE, input=input)
        return created["organizationDomain"]

    def publish(self, domain: dict[str, Any], *others: str) -> None:
        """Put the record of a domain into the DNS."""
        self.names.texts[domain["recordName"]] = [f'"{domain["recordValue"]}"', *others]

    async def verified(self, world: World, domain: str = "", **input: Any) -> dict[str, Any]:
        """Create and verify a domain."""
        added = await self.add(world, domain, **input)
        self.publish(added)
        return added | (await self.verify(world, added))

    async def verify(self, world: World, domain: dict[str, Any]) -> dict[str, Any]:
        verified = await world.ask("owner", VERIFY, id=domain["id"])
        return verified["organizationDomain"]

    async def row(self, world: World, domain: dict[str, Any]) -> Any:
        query = "SELECT * FROM organization_domains WHERE id = $1"
        return await world.superuser.fetchrow(query, UUID(domain["id"]))


@pytest.fixture
def domains(names: NameServer) -> Domains:
    return Domains(names)
