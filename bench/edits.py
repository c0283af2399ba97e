"""Edits per second, beside a bare statement that is passed through, and edits in bulk.

Each edit is a `requirementUpdate` of one field with the version that its client has seen. The
yardsticks take the same edit by a plain HTTP endpoint and run one statement: compare the version,
update, log the change. One of them has the peers' tables; the other has the gateway's, with their
indexes, search vector, audit log and feed. Neither authenticates or authorizes.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import asyncpg
import httpx
import orjson

from bench import clients
from bench.clients import VERSION, Result
from bench.database import Cluster
from bench.options import Options, Section
from bench.peers.compare import Measured, ratio
from bench.peers.rows import BLOCKS, DOCUMENTS, REQUIREMENTS, Rows, identity, number_of
from bench.peers.servers import JSON, Fleet, Server, gateway, pass_through
from bench.results import figure, table

CLIENTS = (1, 16, 64)
SPREAD = 32
"""The number of documents that edits are spread over; further clients share them."""
BULK, BULK_ROUNDS = 500, 5
IN_DOCUMENT = BLOCKS * REQUIREMENTS
IN_PROJECT = DOCUMENTS * IN_DOCUMENT
MOST = max(CLIENTS)
EDITED = "SELECT id, name, version, updated_at FROM requirements WHERE id = ANY ($1)"
ALIGN = "UPDATE requirements SET name = $2, version = $3, updated_at = $4 WHERE id = $1"
VERSIONS = "SELECT id, version FROM requirements WHERE id = ANY ($1)"

UPDATE = """mutation ($id: UUID!, $version: BigInt!, $name: String!) {
  requirementUpdate(id: $id, expectedVersion: $version, input: {name: $name}) {
    requirement { id version name } } }"""
BULK_UPDATE = """mutation ($items: [RequirementsUpdateItemInput!]!) {
  requirementsUpdate(items: $items) { results { requirement { id version name } } } }"""


OURS = orjson.dumps(
    {"query": UPDATE, "variables": {"id": "<id>", "version": "<version>", "name": "<name>"}}
).decode()
BARE = orjson.dumps([{"id": "<id>", "version": "<version>", "name": "<name>"}]).decode()


@dataclass
class Editor:
    """One server, the form of its edits, and the database of its rows."""

    server: Server
    template: str
    dsn: str
    """The address of the database with its rows."""

    def versions(self, ids: Sequence[str]) -> list[int]:
        """Return the current versions of rows: two servers edit those of the gateway."""

        async def read() -> dict[str, int]:
            connection = await asyncpg.connect(self.dsn)
            rows = await connection.fetch(VERSIONS, [UUID(id) for id in ids])
            await connection.close()
            return {str(row["id"]): row["version"] for row in rows}

        found = asyncio.run(read())
        return [found[id] for id in ids]

    def edit(self, ids: Sequence[str], versions: Sequence[int], seconds: float) -> Result:
        """Edit with one client for each ID, for this many seconds."""
        return clients.run(
            address=self.server.address,
            headers=dict(self.server.headers),
            clients=len(ids),
            seconds=seconds,
            template=self.template,
            ids=ids,
            versions=versions,
        )

    def edit_in_bulk(self, ids: Sequence[str]) -> float:
        """Edit all of these by one request; return the milliseconds that it took."""
        new = f"Edited in bulk at {time.monotonic()}"
        versions = zip(ids, self.versions(ids), strict=True)
        if self.server.name == "gateway":
            items = [
                {"id": id, "expectedVersion": str(version), "input": {"name": new}}
                for id, version in versions
            ]
            body = orjson.dumps({"query": BULK_UPDATE, "variables": {"items": items}})
        else:
            body = orjson.dumps(
                [{"id": id, "version": str(version), "name": new} for id, version in versions]
            )
        start = time.perf_counter()
        answer = httpx.post(
            self.server.address, content=body, headers=JSON | dict(self.server.headers), timeout=60
        )
        seconds = time.perf_counter() - start
        assert len(VERSION.findall(answer.content)) == len(ids), answer.text[:1000]
        return seconds * 1000


def measure(cluster: Cluster, options: Options) -> Iterator[Section]:
    """Edit through each server in turn."""
    rows, token = asyncio.run(cluster.filled())
    editors = [editor for editor in _editors(cluster, token) if options.takes(editor.server.name)]
    places = {"one document": _ids(rows, 0, 1), f"{SPREAD} documents": _ids(rows, 1, IN_DOCUMENT)}
    many = _ids(rows, 2, 1, BULK)
    processes = asyncio.run(cluster.processes())
    with Fleet([editor.server for editor in editors], processes, cluster.folder) as running:
        for editor in editors:
            _take(running, editor, places["one document"][:8], 2, Measured())
        lines = [
            line
            for where, ids in places.items()
            for count in CLIENTS
            for line in _table(running, editors, where, ids[:count], options)
        ]
        columns = ["where, clients", "server", "edits/s", "min to max", "p50 ms", "p99 ms"]
        columns += ["server CPU ms", "database CPU ms", "gateway/x"]
        yield Section("Edits", table(columns, lines))
        asyncio.run(align(cluster, [id for ids in places.values() for id in ids]))
        times = {editor.server.name: list[float]() for editor in editors}
        for _ in range(BULK_ROUNDS):
            for editor in editors:
                running.settle()
                times[editor.server.name].append(editor.edit_in_bulk(many))
        asyncio.run(align(cluster, many))
        lines = [
            [
                name,
                figure(statistics.median(taken)),
                f"{figure(min(taken))} to {figure(max(taken))}",
            ]
            for name, taken in times.items()
        ]
        yield Section(
            f"Edits of {BULK} in one request", table(["server", "ms", "min to max"], lines)
        )


async def align(cluster: Cluster, ids: Sequence[str]) -> None:
    """Copy the gateway's edits to the peers: reads are compared row by row afterwards."""
    async with cluster.superuser() as superuser:
        rows = await superuser.fetch(EDITED, [UUID(id) for id in ids])
    peers = await asyncpg.connect(cluster.peers_dsn)
    await peers.executemany(ALIGN, [tuple(row) for row in rows])
    await peers.close()


def _editors(cluster: Cluster, token: str) -> list[Editor]:
    ours, theirs = cluster.superuser_dsn, cluster.peers_dsn
    return [
        Editor(gateway(cluster.dsn, token), OURS, ours),
        Editor(pass_through(theirs, "statement, peers' tables", "peers"), BARE, theirs),
        Editor(pass_through(ours, "statement, gateway's tables", "gateway"), BARE, ours),
    ]


def _ids(rows: Rows, project: int, step: int, count: int = MOST) -> list[str]:
    """Return the IDs of every `step`-th requirement, from the beginning of a project on."""
    start = project * IN_PROJECT
    most = rows.projects * IN_PROJECT
    return [identity("requirement", number_of((start + i * step) % most)) for i in range(count)]


def _take(
    running: Fleet, editor: Editor, ids: Sequence[str], seconds: float, measured: Measured
) -> None:
    edit = partial(editor.edit, ids, editor.versions(ids), seconds)
    measured.take(running, editor.server, edit)


def _table(
    running: Fleet, editors: Sequence[Editor], where: str, ids: Sequence[str], options: Options
) -> Iterator[list[str]]:
    measured = {editor.server.name: Measured() for editor in editors}
    for _ in range(options.rounds):
        for editor in editors:
            _take(running, editor, ids, options.seconds, measured[editor.server.name])
    for name, one in measured.items():
        ours = measured["gateway"].rate if "gateway" in measured else 0
        place, beside = f"{where}, {len(ids)}", ratio(ours, one.rate)
        yield [place, name, figure(one.rate), one.range(), *one.figures(), beside]
