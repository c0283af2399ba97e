"""The time of a document that the server has never seen, beyond that of a cached one.

Each document is sent four times at once upon another, under a new name of its operation; the first
is compared with the median of the others. json_agg parses no documents.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator

import httpx

from bench.database import Cluster
from bench.options import Options, Section
from bench.peers import operations
from bench.peers.compare import fleet
from bench.peers.rows import Rows
from bench.peers.servers import JSON, Server
from bench.results import figure, table

DOCUMENTS, AGAIN = 40, 3


def measure(cluster: Cluster, options: Options) -> Iterator[Section]:
    """Send new documents to each server that parses them, in turn."""
    rows, running = fleet(cluster, options)
    lines = []
    with running:
        servers = [server for server in running.servers if server.name != "json_agg"]
        for operation in options.operations:
            known = {server.name: list[float]() for server in servers}
            extra = {server.name: list[float]() for server in servers}
            for i in range(DOCUMENTS):
                for server in servers:
                    times = asyncio.run(_send(server, rows, operation, i))
                    if i:  # the first opens what stays open
                        usual = statistics.median(times[1:])
                        known[server.name].append(usual)
                        extra[server.name].append(times[0] - usual)
            lines += [
                [
                    operation.upper(),
                    server.name,
                    figure(statistics.median(known[server.name])),
                    figure(statistics.median(extra[server.name])),
                ]
                for server in servers
            ]
    columns = ["operation", "server", "known, ms", "extra when new, ms"]
    yield Section("Cold documents", table(columns, lines))


async def _send(server: Server, rows: Rows, operation: str, number: int) -> list[float]:
    """Return the milliseconds of the answers to one new document."""
    id = operations.ids(rows, operation)(number)
    name = operation.upper()
    body = operations.body(server.queries[operation], operation, id)
    body = body.replace(name.encode(), f"{name}n{number}".encode())
    times = []
    async with httpx.AsyncClient(headers=dict(server.headers), timeout=30) as client:
        await client.get(server.address)  # connects
        for _ in range(1 + AGAIN):
            start = time.perf_counter()
            answer = await client.post(server.address, content=body, headers=JSON)
            times.append((time.perf_counter() - start) * 1000)
            assert answer.status_code == httpx.codes.OK, answer.text
            assert b'"errors"' not in answer.content, answer.text
    return times
