"""Service accounts with API keys, and people with personal tokens, for the tests of both."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from tests.world import World

EMPLOY = """mutation ($input: ServiceAccountCreateInput!) { serviceAccountCreate(input: $input) {
    serviceAccount { id } member: organizationMember { id } } }"""
CREATE = """mutation ($input: ApiKeyCreateInput!) { apiKeyCreate(input: $input) { secret
    apiKey { id version name hint scopes expiresAt lastUsedAt revokedAt
        serviceAccount { id } organization { id } createdBy { id } } } }"""
TOKEN = """mutation ($input: PersonalTokenCreateInput!) {
    personalTokenCreate(input: $input) { secret
    personalToken { id version name hint scopes expiresAt lastUsedAt revokedAt } } }"""
REQUIREMENT = "query ($id: UUID!) { requirement(id: $id) { id } }"
PROJECT = "query ($id: UUID!) { project(id: $id) { id } }"
WRITE = """mutation ($id: UUID!, $name: String! = "By a program") {
    requirementUpdate(id: $id, expectedVersion: 1, input: { name: $name }) {
        requirement { name } } }"""


@dataclass
class Made:
    """A key, and the account it acts as; `text` is shown only once."""

    text: str
    row: dict[str, Any]
    account: UUID | None = None
    member: UUID | None = None

    @property
    def id(self) -> str:
        return str(self.row["id"])


async def make_key(
    world: World, *scopes: str, role: str = "EDITOR", person: str = "robot", **more: Any
) -> Made:
    """Create an API key of a new service account, which is known as `person`."""
    input = {"organizationId": world.organization, "name": "Nightly import", "role": role}
    employed = await world.ask("owner", EMPLOY, input=input)
    account = UUID(employed["serviceAccount"]["id"])
    asked = {"serviceAccountId": account, "name": "Import", "scopes": list(scopes or ["admin"])}
    made = await world.ask("owner", CREATE, input=asked | more)
    world.tokens[person], world.people[person] = made["secret"], account
    return Made(made["secret"], made["apiKey"], account, UUID(employed["member"]["id"]))


async def make_token(world: World, person: str, *scopes: str, days: float = 30) -> Made:
    """Create a personal token, which is known as `<person>'s script`."""
    expires_at = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    input = {"name": "Script", "scopes": list(scopes or ["admin"]), "expiresAt": expires_at}
    made = await world.ask(person, TOKEN, input=input)
    world.tokens[f"{person}'s script"] = made["secret"]
    return Made(made["secret"], made["personalToken"])


async def shown(world: World, text: str, client: httpx.AsyncClient | None = None) -> httpx.Response:
    """Return the response to a request with this bearer token."""
    headers = {"Authorization": f"Bearer {text}"}
    body = {"query": "{ viewer { scopes profile { id } } }"}
    return await (client or world.client).post("/graphql", json=body, headers=headers)
