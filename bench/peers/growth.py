"""The growth of an answer of 100, 1,000 and 10,000 requirements: Q2, one client."""

from collections.abc import Iterator
from functools import partial

from bench.database import Cluster
from bench.options import Options, Section
from bench.peers import operations
from bench.peers.compare import Measured, fleet, slice_of
from bench.peers.rows import LARGE, SMALL, identity
from bench.results import table

PROJECTS = {100: SMALL, 1_000: 0, 10_000: LARGE}


def measure(cluster: Cluster, options: Options) -> Iterator[Section]:
    """Query each server for each project, in turn."""
    _, running = fleet(cluster, options)
    lines = []
    with running:
        for count, number in PROJECTS.items():
            id = identity("project", number)
            found = {server.name: Measured() for server in running.servers}
            requests = {
                server.name: [operations.body(server.queries["q2"], "q2", id)]
                for server in running.servers
            }
            for server in running.servers:
                slice_of(server, requests[server.name], 1, 1)
            for _ in range(options.rounds):
                for server in running.servers:
                    ask = partial(slice_of, server, requests[server.name], 1, options.seconds)
                    found[server.name].take(running, server, ask, unfinished=1)
            lines += [
                [
                    f"{count:,}",
                    server.name,
                    *found[server.name].figures(),
                    f"{server.peak_memory():.0f}",
                ]
                for server in running.servers
            ]
    columns = ["rows", "server", "p50 ms", "p99 ms", "server CPU ms", "database CPU ms", "peak MB"]
    yield Section("Growth: an answer of 100, 1,000 and 10,000 requirements", table(columns, lines))
