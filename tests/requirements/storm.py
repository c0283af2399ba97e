"""A storm of edits: many clients in one document, each of which records its answers.

A client repeats a request under its Idempotency-Key until it is answered, as a good client does,
and then records the answer.
"""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg

RESULT = "requirement { id version name status tags description position documentId blockId }"
BEGINNING = "mutation ($id: UUID!, $version: BigInt!"
CREATE = f"""mutation ($input: RequirementCreateInput!) {{
  requirementCreate(input: $input) {{ {RESULT} }} }}"""
UPDATE = f"""{BEGINNING}, $input: RequirementUpdateInput!) {{
  requirementUpdate(id: $id, expectedVersion: $version, input: $input) {{
    mergedVersions {RESULT} }} }}"""
MOVE = f"""{BEGINNING}, $to: RequirementPlaceInput!) {{
  requirementMove(id: $id, expectedVersion: $version, placeAt: $to) {{
    mergedVersions {RESULT} }} }}"""
DELETE = f"""{BEGINNING}) {{
  requirementDelete(id: $id, expectedVersion: $version) {{ {RESULT} }} }}"""
MANY = f"""mutation ($items: [RequirementsUpdateItemInput!]!) {{
  requirementsUpdate(items: $items, onError: CONTINUE) {{
    results {{ index mergedVersions error {{ code }} {RESULT} }} }} }}"""
RESTORE = f"""{BEGINNING}) {{
  requirementRestore(id: $id, expectedVersion: $version) {{ {RESULT} }} }}"""

STATUSES = ("DRAFT", "IN_REVIEW", "APPROVED", "REJECTED")

REFUSALS = {"CONFLICT", "NOT_FOUND"}
"""The codes that an edit may get when others edit the same row."""
KILL_EVERY = 0.25


@dataclass
class Ledger:
    """The answers of the clients, and the latest version of each row that any of them has seen."""

    told: dict[str, dict[int, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    seen: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    refused: int = 0
    repeated: int = 0

    def note(self, row: dict[str, Any], sent: dict[str, Any]) -> None:
        """Record an answer: the row at this version was written by this client's request."""
        versions = self.told[row["id"]]
        assert row["version"] not in versions, "two clients were told that they made one version"
        versions[row["version"]] = sent
        self.seen[row["id"]] = max(row["version"], self.seen.get(row["id"], 0))


class Client:
    """One editor, with a script of random edits."""

    def __init__(self, world: Any, ledger: Ledger, seed: int) -> None:
        self.world, self.ledger, self.random = world, ledger, random.Random(seed)

    async def edit(self) -> None:
        """Make one edit of a random kind, until it is answered."""
        choice: Callable[[], Awaitable[None]]
        (choice,) = self.random.choices(
            (self.update, self.update_many, self.move, self.create, self.delete, self.restore),
            (50, 10, 20, 10, 5, 5),
        )
        await choice()

    async def update(self) -> None:
        id, version = self._some()
        new = str(self.random.random())  # what changes nothing makes no version
        input = self.random.choice(
            (
                {"name": new},
                {"name": new, "status": self.random.choice(STATUSES)},
                {"tags": [new]},
                {"description": new, "name": new},
            )
        )
        await self._send(UPDATE, input, id=id, version=version, input=input)

    async def update_many(self) -> None:
        items = [
            {"id": id, "expectedVersion": version, "input": {"name": str(self.random.random())}}
            for id, version in {self._some() for _ in range(3)}
        ]
        if payload := await self._answer(MANY, items=items):
            for result in payload["results"]:
                item = items[result["index"]]
                if result["error"]:
                    assert result["error"]["code"] in REFUSALS | {"INVALID"}
                    self.ledger.refused += 1
                else:
                    self._note(result, item["expectedVersion"], item["input"])

    async def move(self) -> None:
        id, version = self._some()
        other, _ = self._some()
        places = ({"end": "START"}, {"end": "END"}, {"after": other}, {"before": other})
        await self._send(MOVE, {}, id=id, version=version, to={"at": self.random.choice(places)})

    async def create(self) -> None:
        input = {"documentId": str(self.world.document), "name": f"New {self.random.random()}"}
        await self._send(CREATE, {"name": input["name"]}, input=input)

    async def delete(self) -> None:
        id, version = self._some()
        if await self._send(DELETE, {"deleted": True}, id=id, version=version):
            self.ledger.deleted.add(id)

    async def restore(self) -> None:
        if self.ledger.deleted:
            id = self.random.choice(sorted(self.ledger.deleted))
            version = self.ledger.seen[id]
            if await self._send(RESTORE, {"deleted": False}, id=id, version=version):
                self.ledger.deleted.discard(id)

    async def _post(self, query: str, key: str, variables: dict[str, Any]) -> dict[str, Any]:
        token = await self.world.token("editor")
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        body = {"query": query, "variables": variables}
        response = await self.world.client.post("/graphql", json=body, headers=headers)
        return response.json()

    def _some(self) -> tuple[str, int]:
        """Return a row and a version of it; now and then an old one."""
        id = self.random.choice(list(self.ledger.seen))
        behind = self.random.random() < 0.1 and self.ledger.seen[id] > 1
        return id, self.ledger.seen[id] - behind

    async def _send(self, query: str, sent: dict[str, Any], **variables: Any) -> bool:
        """Send the request; return whether it was accepted."""
        if payload := await self._answer(query, **variables):
            self._note(payload, variables.get("version", 0), sent)
        return bool(payload)

    def _note(self, payload: dict[str, Any], version: int, sent: dict[str, Any]) -> None:
        row = payload["requirement"]
        unchanged = version + len(payload.get("mergedVersions", ()))
        if row["version"] > unchanged:  # what is where it was moved to already makes no version
            self.ledger.note(row, sent)

    async def _answer(self, query: str, **variables: Any) -> Any:
        """Return the payload, or None when refused; repeat by key until answered."""
        key = str(uuid4())
        while True:
            answer = await self._post(query, key, variables)
            if not (errors := answer.get("errors")):
                (payload,) = answer["data"].values()
                return payload
            extensions = errors[0]["extensions"]
            if not extensions["retryable"]:
                assert extensions["code"] in REFUSALS or "neighbour" in errors[0]["message"], errors
                self.ledger.refused += 1
                return None
            self.ledger.repeated += 1
            await asyncio.sleep(self.random.random() / 20)

    async def _post(self, query: str, key: str, variables: dict[str, Any]) -> dict[str, Any]:
        token = await self.world.token("editor")
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        body = {"query": query, "variables": variables}
        response = await self.world.client.post("/graphql", json=body, headers=headers)
        return response.json()

    def _some(self) -> tuple[str, int]:
        """Return a row and a version of it; now and then an old one."""
        id = self.random.choice(list(self.ledger.seen))
        behind = self.random.random() < 0.1 and self.ledger.seen[id] > 1
        return id, self.ledger.seen[id] - behind

    async def _send(self, query: str, sent: dict[str, Any], **variables: Any) -> bool:
        """Send the request, again by key until answered; return whether it was accepted."""
        key = str(uuid4())
        while True:
            answer = await self._post(query, key, variables)
            if not (errors := answer.get("errors")):
                break
            extensions = errors[0]["extensions"]
            if not extensions["retryable"]:
                assert extensions["code"] in REFUSALS or "neighbour" in errors[0]["message"], errors
                self.ledger.refused += 1
                return False
            self.ledger.repeated += 1
            await asyncio.sleep(self.random.random() / 20)
        (payload,) = answer["data"].values()
        row = payload["requirement"]
        unchanged = variables.get("version", 0) + len(payload.get("mergedVersions", ()))
        if row["version"] > unchanged:  # what is where it was moved to already makes no version
            self.ledger.note(row, sent)
        return True


@asynccontextmanager
async def lightning(superuser: asyncpg.Connection):
    """Kill random connections of the gateway; yield the number so far."""
    strikes = []

    async def strike() -> None:
        while True:
            await asyncio.sleep(KILL_EVERY)
            strikes.extend(
                await superuser.fetch(
                    "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    " AND application_name LIKE 'gateway%' ORDER BY random() LIMIT 1) AS victim"
                )
            )

    task = asyncio.create_task(strike())
    try:
        yield strikes
    finally:
        task.cancel()


async def start(world: Any, rows: int) -> Ledger:
    """Create a document of this many requirements with the clients."""
    ledger = Ledger()
    client = Client(world, ledger, 0)
    for _ in range(rows):
        await client.create()
    return ledger


@dataclass(frozen=True)
class Event:
    """One recorded change of a requirement."""

    version: int
    action: str
    new: dict[str, Any]
    renumbered: bool


async def history(superuser: asyncpg.Connection, document: UUID) -> dict[str, list[Event]]:
    """Return the recorded events of each requirement of the document, by version."""
    rows = await superuser.fetch(
        "SELECT entity_id::text AS id, version, action, new_data, details ? 'renumbered'"
        " AS renumbered FROM audit_logs WHERE document_id = $1 AND entity_type = 'Requirement'"
        " ORDER BY entity_id, version",
        document,
    )
    found = defaultdict(list)
    for row in rows:
        event = Event(row["version"], row["action"], json.loads(row["new_data"]), row["renumbered"])
        found[row["id"]].append(event)
    return found
