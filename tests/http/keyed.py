"""Requests with idempotency keys, and gates at which their transactions can be stopped."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from tests.locks import Gate, gate
from tests.world import World, _sendable

UPDATE = """mutation ($id: UUID!, $version: BigInt! = 1, $name: String!) {
  requirementUpdate(id: $id, expectedVersion: $version, input: {name: $name}) {
    merged requirement { id version name updatedAt block { name document { name } } } } }"""
CREATE = """mutation ($document: UUID!, $name: String!) {
  requirementCreate(input: {documentId: $document, name: $name}) {
    requirement { id version createdAt name document { requirements { totalCount } } } } }"""
BOTH = """mutation ($first: UUID!, $second: UUID!, $version: BigInt! = 1, $name: String!) {
  a: requirementUpdate(id: $first, expectedVersion: $version, input: {name: $name}) {
    requirement { version name } }
  b: requirementUpdate(id: $second, expectedVersion: $version, input: {name: $name}) {
    requirement { version name document { requirements { nodes { name } } } } } }"""

STEPS = {
    "before the effect": "TRIGGER hold BEFORE INSERT ON idempotency_keys FOR EACH ROW",
    "in the effect": "TRIGGER hold AFTER UPDATE ON requirements FOR EACH ROW",
    "after the effect": "TRIGGER hold BEFORE UPDATE ON idempotency_keys FOR EACH ROW",
    "in the commit": "CONSTRAINT TRIGGER hold AFTER UPDATE ON idempotency_keys"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW",
}
"""The triggers that stop a keyed update of a requirement, by step."""


@dataclass
class Keyed:
    """One person's requests with keys."""

    world: World
    person: str = "editor"

    async def send(
        self,
        key: str | None,
        query: str,
        *,
        client: httpx.AsyncClient | None = None,
        body: dict[str, Any] | None = None,
        **variables: Any,
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {await self.world.token(self.person)}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        sent = {"query": query, "variables": _sendable(variables)} | (body or {})
        return await (client or self.world.client).post("/graphql", json=sent, headers=headers)

    async def update(self, key: str | None, name: str, **more: Any) -> httpx.Response:
        more = {"id": self.world.requirement} | more
        return await self.send(key, UPDATE, name=name, **more)

    async def another(self) -> str:
        """Return the ID of one more requirement."""
        ids = {"document": self.world.document, "name": "Another"}
        return (await self.world.ask(self.person, CREATE, **ids))["requirement"]["id"]

    async def changes(self, entity: Any = None) -> int:
        """Return the number of changes of a row, equal in the row and in the audit log."""
        id = entity or self.world.requirement
        records = await self.world.records(id)
        version = await self.world.superuser.fetchval(
            "SELECT version - 1 FROM requirements WHERE id = $1", id
        )
        assert version == len([one for one in records if one["action"] == "update"])
        return version


def code_of(response: httpx.Response) -> str | None:
    """Return the code of the first error."""
    errors = response.json().get("errors")
    return errors[0]["extensions"]["code"] if errors else None


def replayed(response: httpx.Response) -> bool:
    return response.headers.get("idempotent-replayed") == "true"


def same(*responses: httpx.Response) -> bool:
    """Return whether the responses are equal in status and in each byte of the body."""
    return len({(response.status_code, response.content) for response in responses}) == 1


def new_key() -> str:
    return uuid4().hex


def gate_at(dsn: str, step: str) -> AbstractAsyncContextManager[Gate]:
    """Return a closed gate at this step, for all transactions of the database."""
    return gate(dsn, STEPS[step])
