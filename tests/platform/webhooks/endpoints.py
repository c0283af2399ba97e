"""Endpoints of a test's tenant, as its people make them through the API."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.loop import within
from tests.platform.webhooks.receiver import PATIENCE, Receiver
from tests.world import World

CREATE = """mutation ($input: WebhookEndpointCreateInput!) {
    webhookEndpointCreate(input: $input) {
        secret webhookEndpoint { id version name url scopes } } }"""
ACCOUNT = """mutation ($organization: UUID!, $role: OrganizationRole!) {
    serviceAccountCreate(input: {organizationId: $organization, name: "Sender", role: $role}) {
        serviceAccount { id } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: WebhookEndpointUpdateInput!) {
    webhookEndpointUpdate(id: $id, expectedVersion: $version, input: $input) {
        webhookEndpoint { id version status } } }"""
ENDPOINT = """query ($id: UUID!) { webhookEndpoint(id: $id) { id version status disabledReason
    failingSince lastSuccessAt lastFailureAt deliveries(first: 100) { totalCount nodes {
        id webhookId eventType entityId status attempts requestHeaders requestBody responseStatus
        responseHeaders responseBody error url log { status error } } } } }"""
REQUIREMENT = """mutation ($document: UUID!, $block: UUID!, $name: String!) {
    requirementCreate(input: {documentId: $document, blockId: $block, name: $name}) {
        requirement { id version } } }"""
RENAME = """mutation ($id: UUID!, $name: String!) {
    requirementUpdate(id: $id, expectedVersion: 1, input: {name: $name}) {
        requirement { id version } } }"""


@dataclass
class Endpoints:
    """The tenant, its receiver, and a service account that reads the whole organization."""

    world: World
    receiver: Receiver
    account: UUID

    @classmethod
    async def of(cls, world: World, receiver: Receiver) -> "Endpoints":
        return cls(world, receiver, await service_account(world, "VIEWER"))

    async def create(self, person: str = "admin", **values: Any) -> dict[str, Any]:
        """Create an endpoint; return it with its secret."""
        made = await self.world.ask(
            person,
            CREATE,
            input={
                "organizationId": self.world.organization,
                "name": "Planner",
                "url": self.receiver.url,
                "serviceAccountId": self.account,
                **values,
            },
        )
        return {**made["webhookEndpoint"], "secret": made["secret"]}

    async def read(self, id: str) -> dict[str, Any]:
        return await self.world.ask("admin", ENDPOINT, id=id)

    async def deliveries(self, id: str, count: int, *statuses: str) -> list[dict[str, Any]]:
        """Return this number of deliveries, oldest first, once they have one of these statuses."""
        async with within(PATIENCE):
            while True:
                nodes = (await self.read(id))["deliveries"]["nodes"]
                if len(nodes) == count and {node["status"] for node in nodes} <= {*statuses}:
                    return nodes[::-1]
                await asyncio.sleep(0.02)

    async def status(self, id: str, status: str) -> dict[str, Any]:
        """Return the endpoint, once it has this status."""
        async with within(PATIENCE):
            while True:
                read = await self.read(id)
                if read["status"] == status:
                    return read
                await asyncio.sleep(0.02)

    async def write(self, name: str, document: Any = None, block: Any = None) -> str:
        """Create a requirement; return its ID."""
        place = {"document": document or self.world.document, "block": block or self.world.block}
        made = await self.world.ask("editor", REQUIREMENT, name=name, **place)
        return made["requirement"]["id"]

    async def rename(self, id: str, name: str) -> None:
        await self.world.ask("editor", RENAME, id=id, name=name)


async def service_account(world: World, role: str) -> UUID:
    made = await world.ask("owner", ACCOUNT, organization=world.organization, role=role)
    return UUID(made["serviceAccount"]["id"])
