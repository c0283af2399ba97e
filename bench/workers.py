"""The memory of an idle worker, and of a second one."""

import asyncio
import statistics
from collections.abc import Iterator

from bench.database import Cluster
from bench.options import Options, Section
from bench.peers import compare
from bench.peers.compare import BODIES, slice_of
from bench.peers.servers import Fleet, gateway
from bench.results import figure, table

CLIENTS = 32


def measure(cluster: Cluster, options: Options) -> Iterator[Section]:
    """Measure gateways of one and of two workers in turn."""
    rows, token = asyncio.run(cluster.filled())
    servers = [gateway(cluster.dsn, token, count, f"workers-{count}") for count in (1, 2)]
    with Fleet(servers, asyncio.run(cluster.processes()), cluster.folder) as running:
        running.settle()
        columns = ["process", "resident MB", "of its own, MB"]
        yield Section("Idle memory", table(columns, [*_memory(running)]))
        lines = []
        for operation in options.operations:
            rates: dict[str, list[float]] = {server.name: [] for server in servers}
            for _ in range(options.rounds):
                for server in servers:
                    requests = compare.bodies(rows, server.queries, BODIES[operation], operation)
                    running.settle()
                    result = slice_of(server, requests, CLIENTS, options.seconds)
                    rates[server.name].append(result.rate)
            one, two = (statistics.median(found) for found in rates.values())
            lines.append([operation.upper(), figure(one), figure(two), f"{two / one:.2f}"])
        columns = [f"{CLIENTS} clients", "1 worker, req/s", "2 workers, req/s", "2 / 1"]
        yield Section("Two workers", table(columns, lines))


def _memory(running: Fleet) -> Iterator[list[str]]:
    """Yield each process of each server, and its unique megabytes."""
    for server in running.servers:
        for process in server.processes():
            memory = process.memory_full_info()
            name = f"{server.name}, {' '.join(process.cmdline()[1:5])[:60]}"
            yield [name, figure(memory.rss / 1024**2), figure(memory.uss / 1024**2)]
