"""Prometheus metrics, with labels of few and known values."""

import hmac
import platform
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Info,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from graph.http.operation.tallies import Counts, Distribution, Level
from graph.settings import Settings

PoolUse = Mapping[str, tuple[int, int]]
"""By the name of a pool: how many connections it has open, and how many of those are in use."""

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
COSTS = (1, 10, 50, 100, 500, 1000, 5000, 10_000, 50_000, 200_000)

EXECUTED = ("plan", "introspection", "directive", "variables", "error")
"""The ways to execute an operation: a plan, or graphql-core for one of the other reasons."""


class Metrics:
    """The metrics of one process. `operation` is query, mutation, subscription or none."""

    def __init__(self, pools: Callable[[], PoolUse] | None = None) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counts(
            "gateway_graphql_requests",
            "GraphQL requests answered, by the code of the first error; OK without one.",
            ("operation", "code"),
        )
        self._seconds = Distribution(
            "gateway_graphql_seconds",
            "Seconds from a request's head to its answer.",
            ("operation",),
            SECONDS,
        )
        self._cost = Distribution(
            "gateway_graphql_cost",
            "Cost of the operations that were run, as computed before.",
            (),
            COSTS,
        )
        self._keyed = Counter(
            "gateway_graphql_keyed_requests",
            "Mutations answered under an idempotency key, and whether from the first answer.",
            ("replayed",),
            registry=self.registry,
        )
        self._executed = Counts(
            "gateway_graphql_executions",
            "Operations and events executed, by a plan, or why by graphql-core.",
            ("by",),
        )
        self._executed.values.update({(by,): 0 for by in EXECUTED})
        self.in_flight = Level("gateway_graphql_in_flight", "GraphQL requests being answered.")
        for often in (self._requests, self._seconds, self._cost, self._executed, self.in_flight):
            self.registry.register(often)
        build = Info("gateway_build", "What is running.", registry=self.registry)
        build.info({"version": _version(), "python": platform.python_version()})
        if pools is not None:
            self.registry.register(_Pools(pools))

    def show(self, collector: Collector) -> None:
        """Have this read, too."""
        self.registry.register(collector)

    def answered(self, operation: str, code: str, seconds: float, cost: int | None) -> None:
        """Count one answer."""
        self._requests.add((operation, code))
        self._seconds.add((operation,), seconds)
        if cost is not None:
            self._cost.add((), cost)

    def executed(self, by: str) -> None:
        """Count one execution: by a plan, or by graphql-core for this reason."""
        self._executed.add((by,))

    def executions(self) -> dict[str, int]:
        """Return the number of executions so far, by their reasons."""
        return {by: count for (by,), count in self._executed.values.items()}

    def keyed(self, *, replayed: bool) -> None:
        """Count one answer under an idempotency key."""
        self._keyed.labels(str(replayed).lower()).inc()

    def page(self, settings: Settings) -> Callable[[Request], Response]:
        """Return the endpoint /metrics, which requires METRICS_TOKEN except in development."""
        token = settings.metrics_token

        def respond(request: Request) -> Response:
            if token is None and settings.in_production:
                return PlainTextResponse("Set METRICS_TOKEN to read metrics.\n", status_code=404)
            expected = f"Bearer {token.get_secret_value()}" if token else ""
            shown = request.headers.get("authorization", "")
            if token and not hmac.compare_digest(shown.encode(), expected.encode()):
                challenge = {"WWW-Authenticate": "Bearer"}
                return PlainTextResponse("Not allowed.\n", status_code=401, headers=challenge)
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

        return respond


class _Pools(Collector):
    """Collects the use of the connection pools at each scrape."""

    def __init__(self, pools: Callable[[], PoolUse]) -> None:
        self._pools = pools

    def collect(self) -> Iterator[Metric]:
        opened = GaugeMetricFamily(
            "gateway_pool_connections", "Database connections that are open.", labels=["pool"]
        )
        used = GaugeMetricFamily(
            "gateway_pool_connections_used", "Database connections in use.", labels=["pool"]
        )
        for name, (size, in_use) in self._pools().items():
            opened.add_metric([name], size)
            used.add_metric([name], in_use)
        yield opened
        yield used


def _version() -> str:
    try:
        return version("gateway")
    except PackageNotFoundError:  # run from its source, without being installed
        return "unknown"
