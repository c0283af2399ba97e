"""Measure the gateway on an embedded PostgreSQL of its own, part by part: `make bench`.

Parts may be named, and narrowed: `python -m bench peers --only q1 --rounds 1`.
"""

import argparse
import asyncio
import contextlib
import io
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from bench import (
    auditing,
    baselines,
    compliance,
    converting,
    counting,
    editing,
    edits,
    exchanging,
    granting,
    jobs,
    large,
    live,
    matrix,
    moving,
    provisioning,
    searching,
    tracing,
    usage,
    webhooks,
    workers,
)
from bench.database import Cluster, cluster
from bench.options import Options, Section
from bench.peers import cold, compare, growth, operations
from bench.results import keep, stamp
from bench.stand import Stand, stand

Part = Callable[[Cluster, Options], Iterator[Section]]


def on_stand(title: str, measure: Callable[[Stand], Awaitable[None]]) -> Part:
    """Return the part for a measurement of the gateway alone, which yields lines."""

    def part(at: Cluster, options: Options) -> Iterator[Section]:
        lines = _Lines()

        async def run() -> None:
            async with stand(at, options) as standing:
                await measure(standing)

        with contextlib.redirect_stdout(lines):
            asyncio.run(run())
        yield Section(title, f"```text\n{lines.getvalue().rstrip()}\n```")

    return part


class _Lines(io.StringIO):
    """The printed lines, which are flushed at once."""

    def write(self, text: str) -> int:
        sys.stderr.write(text)
        return super().write(text)


PARTS: dict[str, Part] = {
    "peers": compare.measure,
    "growth": growth.measure,
    "cold": cold.measure,
    "edits": edits.measure,
    "workers": workers.measure,
    "granting": on_stand("Tokens beside the API", granting.measure),
    "live": on_stand("Subscriptions", live.measure),
    "searching": on_stand("Search and order among 200,000 requirements", searching.measure),
    "large": on_stand("Lists of a large tenant", large.measure),
    "editing": on_stand("Keys on the page of a document", editing.measure),
    "moving": on_stand("Moves", moving.measure),
    "matrix": on_stand("The test matrix", matrix.measure),
    "baselines": on_stand("Baselines", baselines.measure),
    "compliance": on_stand("Compliance at 120,000 assessments", compliance.measure),
    "counting": on_stand("Statistics of 10,000 requirements, and numbers", counting.measure),
    "auditing": on_stand("Audit log of 1,000,000 events a month", auditing.measure),
    "jobs": on_stand("Background jobs", jobs.measure),
    "webhooks": on_stand("Webhooks", webhooks.measure),
    "usage": on_stand("Usage of a million rows", usage.measure),
    "exchanging": on_stand("Imports and exports", exchanging.measure),
    "converting": on_stand("Files of requirements without a database", converting.measure),
    "scim": on_stand("Provisioning by SCIM", provisioning.measure),
    "tracing": on_stand("Trace links among 22,000 requirements", tracing.measure),
}


def main() -> None:
    """Start a database, measure, stop it."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers are stopped all the same
    usual = Options()
    options = Options(
        tuple(asked.only or usual.operations),
        tuple(asked.clients or usual.clients),
        asked.rounds,
        asked.seconds,
        asked.followers,
        tuple(asked.servers or ()),
    )
    with cluster(asked.data, asked.projects) as at:
        for part in asked.parts or PARTS:
            start = time.monotonic()
            for title, text in PARTS[part](at, options):
                section = f"{stamp(time.monotonic() - start)}\n\n{text}"
                print(f"\n## {title}\n\n{section}", flush=True)
                if asked.keep:
                    keep(title, section)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--only", nargs="+", choices=list(operations.OPERATIONS), metavar="Q")
    parser.add_argument("--servers", nargs="+", help="beginnings of names, such as gateway postg")
    parser.add_argument("--clients", nargs="+", type=int)
    parser.add_argument("--rounds", type=int, default=Options.rounds)
    parser.add_argument("--seconds", type=float, default=Options.seconds, help="of one slice")
    parser.add_argument("--followers", type=int, default=Options.followers, help="in `live`")
    parser.add_argument("--projects", type=int, default=200, help="of 1,000 requirements each")
    parser.add_argument("--data", type=Path, help="a folder that keeps the database for next time")
    parser.add_argument("--keep", action="store_true", help="write RESULTS.md")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return asked


if __name__ == "__main__":
    main()
