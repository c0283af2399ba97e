"""Catching up: the time until a client has received all of 12,000 missed events."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.stand import Stand

EVENTS, ROUNDS = 12_000, 3
FOLLOW = """subscription ($id: UUID!, $after: String) { documentChanged(id: $id, after: $after) {
  cursor kind entity { ... on Requirement { id name version } } } }"""
# Many at once, since what is measured begins when all are committed.
EDITS = """
WITH changed AS (UPDATE requirements SET name = 'Missed ' || version, version = version + 1
    WHERE id = ANY ($1) RETURNING *)
INSERT INTO audit_logs (organization_id, project_id, document_id, entity_id, entity_type, action,
    version, changed_fields, new_data, old_data)
SELECT organization_id, project_id, document_id, id, 'Requirement', 'update', version,
    ARRAY['name'], jsonb_build_object('name', name),
    jsonb_build_object('name', 'Missed ' || version - 2) FROM changed
"""


async def measure(stand: Stand, document: UUID, ids: list[UUID]) -> None:
    """Miss events, resume, and print the figures."""
    async with _following(stand, document, None) as (_, first):
        after = first["cursor"]
    for _ in range(EVENTS // len(ids)):
        await stand.superuser.execute(EDITS, ids)
    async with _following(stand, document, None) as (socket, _):  # the node has heard of all
        await stand.superuser.execute(EDITS, ids[:1])
        await _next(socket)
    for _ in range(ROUNDS):
        busy, start = stand.cpu(), time.perf_counter()
        async with _following(stand, document, after) as (socket, _):
            begun = time.perf_counter()
            names = [(await _next(socket))["entity"]["name"] for _ in range(EVENTS)]
        seconds, busy = time.perf_counter() - start, stand.cpu() - busy
        assert all(name.startswith("Missed ") for name in names), names[:3]
        print(
            f"{EVENTS} missed events: the first after {(begun - start) * 1000:.0f} ms, all after"
            f" {seconds:.2f} s, {EVENTS / seconds:.0f}/s; {busy / EVENTS * 1000:.3f} ms of the"
            " server's processor each"
        )


@asynccontextmanager
async def _following(
    stand: Stand, document: UUID, after: str | None
) -> AsyncIterator[tuple[ClientConnection, Any]]:
    """Subscribe to the document from now on; return the connection and the first event."""
    variables = {"id": str(document), "after": after}
    message = {"id": "1", "type": "subscribe", "payload": {"query": FOLLOW, "variables": variables}}
    async with connect(
        f"{stand.address.replace('http', 'ws')}/graphql",
        subprotocols=[Subprotocol("graphql-transport-ws")],
        compression=None,
    ) as socket:
        token = stand.client.headers["Authorization"]
        start = {"type": "connection_init", "payload": {"authorization": token}}
        await socket.send(json.dumps(start))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        await socket.send(json.dumps(message))
        first = await _next(socket)
        assert first["kind"] == "READY", first
        yield socket, first


async def _next(socket: ClientConnection) -> Any:
    """Return the next event."""
    async with asyncio.timeout(30):
        while True:
            message = json.loads(await socket.recv())
            if message["type"] == "next":
                return message["payload"]["data"]["documentChanged"]
            if message["type"] == "ping":
                await socket.send(json.dumps({"type": "pong"}))
            else:
                raise ConnectionError(message)
