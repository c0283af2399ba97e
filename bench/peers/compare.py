"""Requests per second, latency, processor time and memory of all servers, beside each other.

All servers run at the same time, and slices of a few seconds alternate between them in a rotating
order, with a wait in between until all are idle. A noisy machine disturbs all alike, so the ratio
of two servers says more than their figures.
"""

import asyncio
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import httpx
import orjson

from bench.clients import Result
from bench.database import Cluster
from bench.options import Options, Section
from bench.peers import operations
from bench.peers.load import GENERATOR, load
from bench.peers.rows import Rows
from bench.peers.servers import JSON, Fleet, Server, gateway, peers
from bench.results import figure, table

BODIES = {"q1": 2_000, "q2": 200, "q3": 1_000, "q4": 200}
"""The number of different requests that are sent in turn, by operation."""
COMPARED = 20
"""The number of requests of each operation whose answers are compared first."""
WARM_UP = 2.0
"""Seconds of warm-up for each server with each operation."""
LEAST_SIZE = 0.85
"""The least size of an answer under load, as a share of the compared answers' mean: no errors."""


class DifferentAnswersError(Exception):
    """Two servers answer differently; the message says where."""


@dataclass
class Measured:
    """The figures of one server's slices."""

    slices: list[Result] = field(default_factory=list)
    cpu: float = 0.0
    database_cpu: float = 0.0
    requests: float = 0.0
    """Requests answered, and half of those that were cut off at the end of a slice."""

    def take(
        self, running: Fleet, server: Server, ask: Callable[[], Result], unfinished: float = 0.0
    ) -> None:
        """Measure one more slice once all servers are idle; `unfinished` requests end with it."""
        running.settle()
        before, database_before = server.cpu(), running.database.cpu()
        result = ask()
        self.cpu += server.cpu() - before
        self.database_cpu += running.database.cpu() - database_before
        self.requests += result.requests + unfinished / 2
        self.slices.append(result)

    def figures(self) -> list[str]:
        """Return p50 and p99, and milliseconds of processor time for each request, for a table."""
        return [
            figure(statistics.median(result.p50 for result in self.slices)),
            figure(statistics.median(result.p99 for result in self.slices)),
            figure(self.cpu / self.requests * 1000),
            figure(self.database_cpu / self.requests * 1000),
        ]

    def range(self) -> str:
        """Return the least and the most requests a second of its slices, for a table."""
        rates = [result.rate for result in self.slices]
        return f"{figure(min(rates))} to {figure(max(rates))}"

    @property
    def time(self) -> float:
        """Milliseconds of processor time for a request, of the server and of the database."""
        return (self.cpu + self.database_cpu) / self.requests * 1000

    @property
    def rate(self) -> float:
        """Return the median of requests a second."""
        return statistics.median(one.rate for one in self.slices)


def fleet(cluster: Cluster, options: Options, workers: int = 1) -> tuple[Rows, Fleet]:
    """Return the rows and the servers that are to be measured."""
    rows, token = asyncio.run(cluster.filled())
    servers = [gateway(cluster.dsn, token, workers), *peers(cluster.peers_dsn)]
    chosen = [server for server in servers if options.takes(server.name)]
    return rows, Fleet(chosen, asyncio.run(cluster.processes()), cluster.folder)


def measure(cluster: Cluster, options: Options) -> Iterator[Section]:
    """Compare the answers, then measure each operation."""
    rows, running = fleet(cluster, options)
    whole: dict[tuple[str, int], dict[str, Measured]] = {}
    with running:
        sizes = {
            operation: asyncio.run(compared(running.servers, rows, operation))
            for operation in options.operations
        }
        for operation in options.operations:
            parts = []
            for clients in options.clients:
                measured = _measure(running, rows, operation, clients, options, sizes[operation])
                whole[operation, clients] = measured
                parts.append(
                    f"{clients} client{'s' * (clients > 1)}:\n\n{_table(running, measured)}"
                )
            what = operations.OPERATIONS[operation]
            parts.append(f"Requests by {GENERATOR}.")
            yield Section(f"{operation.upper()}: {what}", "\n\n".join(parts))
    if options.operations == Options().operations and not options.servers:
        yield Section("The gateway beside its peers", _summary(whole))


def bodies(
    rows: Rows, queries: Mapping[str, str], count: int, operation: str = "q1"
) -> list[bytes]:
    """Return this many different requests of an operation."""
    id = operations.ids(rows, operation)
    return [operations.body(queries[operation], operation, id(i)) for i in range(count)]


async def compared(servers: Sequence[Server], rows: Rows, operation: str) -> dict[str, float]:
    """Return the mean bytes of each server's answers, after all were found equal.

    Raises DifferentAnswersError.
    """
    sizes: dict[str, float] = dict.fromkeys((server.name for server in servers), 0.0)
    for i in range(COMPARED):
        id = operations.ids(rows, operation)(i)
        answers = {}
        for server in servers:
            body = operations.body(server.queries[operation], operation, id)
            async with httpx.AsyncClient(headers=dict(server.headers), timeout=30) as client:
                answer = await client.post(
                    server.address, content=body, headers=JSON | {"Accept-Encoding": "identity"}
                )
            answers[server.name] = operations.comparable(orjson.loads(answer.content))
            head = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
            sizes[server.name] += (head + len(answer.content)) / COMPARED
        (name, expected), *others = answers.items()
        if expected.get("errors") or not all(expected["data"].values()):
            raise DifferentAnswersError(f"{operation} of {id}: {name} finds nothing: {expected}")
        for other, found in others:
            if found != expected:
                message = f"{operation} of {id}: {name} and {other} answer differently:"
                raise DifferentAnswersError(f"{message}\n{expected!s:.1000}\n{found!s:.1000}")
    return sizes


def slice_of(
    server: Server, requests: Sequence[bytes], clients: int, seconds: float, size: float = 0.0
) -> Result:
    """Measure one server for some seconds. Raises RuntimeError when answers are too small."""
    result = load(server.address, server.headers, requests, clients, seconds)
    if result.requests and result.bytes < LEAST_SIZE * size * result.requests:
        mean = result.bytes / result.requests
        raise RuntimeError(f"{server.name}: answers of {mean:.0f} bytes in place of {size:.0f}")
    return result


def _measure(
    running: Fleet,
    rows: Rows,
    operation: str,
    clients: int,
    options: Options,
    sizes: Mapping[str, float],
) -> dict[str, Measured]:
    requests = {
        server.name: bodies(rows, server.queries, BODIES[operation], operation)
        for server in running.servers
    }
    measured = {server.name: Measured() for server in running.servers}
    for server in running.servers:
        slice_of(server, requests[server.name], clients, WARM_UP)
    for server in islice(_rotated(running.servers), options.rounds * len(running.servers)):
        name = server.name
        ask = partial(slice_of, server, requests[name], clients, options.seconds, sizes[name])
        measured[name].take(running, server, ask, unfinished=clients)
    return measured


def _rotated(servers: Sequence[Server]) -> Iterator[Server]:
    """Yield all servers again and again, each round beginning with another one."""
    start = 0
    while True:
        yield from (*servers[start:], *servers[:start])
        start = (start + 1) % len(servers)


def _table(running: Fleet, measured: Mapping[str, Measured]) -> str:
    columns = ["server", "req/s", "min to max", "p50 ms", "p99 ms"]
    columns += ["server CPU ms", "database CPU ms", "peak MB", "gateway/x"]
    lines = []
    ours = measured["gateway"].rate if "gateway" in measured else 0
    for server in sorted(running.servers, key=lambda server: -measured[server.name].rate):
        one = measured[server.name]
        lines.append(
            [
                server.name,
                figure(one.rate),
                one.range(),
                *one.figures(),
                f"{server.peak_memory():.0f}",
                ratio(ours, one.rate),
            ]
        )
    return table(columns, lines)


def ratio(ours: float, theirs: float) -> str:
    """Return the ratio of `ours` to `theirs`, for a table; empty where one is missing."""
    return f"{ours / theirs:.2f}" if theirs and ours else ""


def _summary(measured: Mapping[tuple[str, int], Mapping[str, Measured]]) -> str:
    """Return two tables: the gateway's figures, and their ratios to those of each peer."""
    columns = ["", *(f"{operation.upper()}, {clients}" for operation, clients in measured)]
    ours = [found["gateway"] for found in measured.values()]
    rates = [["gateway, req/s", *(figure(one.rate) for one in ours)]]
    times = [["gateway, CPU ms a request", *(figure(one.time) for one in ours)]]
    for name in (name for name in next(iter(measured.values())) if name != "gateway"):
        pairs = list(zip(ours, (found[name] for found in measured.values()), strict=True))
        rates.append([f"gateway / {name}", *(ratio(one.rate, of.rate) for one, of in pairs)])
        times.append([f"{name} / gateway", *(ratio(of.time, one.time) for one, of in pairs)])
    return f"""Requests a second, by query and clients:

{table(columns, rates)}

Processor time of server and database for a request; it depends less on what else the machine does:

{table(columns, times)}"""
