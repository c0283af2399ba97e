"""Limits and counts of the live connections and subscriptions of this process."""

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from db.problem import Problem
from graph.http.operation.errors import Refusal
from graph.settings import Settings

Transport = Literal["websocket", "sse", "poll"]
TRANSPORTS: tuple[Transport, ...] = ("websocket", "sse", "poll")
RETRY_AFTER = 5
"""Seconds after which another attempt may find room."""


class Capacity(Collector):
    """Counts open connections and subscriptions. The caller that counts one releases it once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connections = dict.fromkeys(TRANSPORTS, 0)
        self._subscriptions = dict.fromkeys(TRANSPORTS, 0)
        self._addresses: Counter[Hashable] = Counter()
        self._people: Counter[Hashable] = Counter()
        self.frames = dict.fromkeys(TRANSPORTS, 0)
        """Results that have been sent, by transport."""
        self.stalled = dict.fromkeys(TRANSPORTS, 0)
        """Connections that were cut off, since their clients did not read."""

    def connect(self, transport: Transport, address: Hashable) -> None:
        """Count one more connection. Raises Refusal: 429 for the address, 503 for the process."""
        settings = self._settings
        headers = {"Retry-After": str(RETRY_AFTER)}
        if sum(self._connections.values()) >= settings.live_connections:
            message = "This node has reached its maximum of live connections."
            raise Refusal(503, message, code="BUSY", headers=headers)
        if self._addresses[address] >= settings.live_connections_per_address:
            message = "There are too many live connections from this address."
            raise Refusal(429, message, code="RATE_LIMITED", headers=headers)
        self._connections[transport] += 1
        self._addresses[address] += 1

    def disconnect(self, transport: Transport, address: Hashable) -> None:
        """Count one connection less."""
        self._connections[transport] -= 1
        _less(self._addresses, address)

    def subscribe(self, transport: Transport, person: Hashable, of_connection: int) -> None:
        """Count one more subscription, where the connection has so many; RATE_LIMITED or BUSY."""
        settings = self._settings
        if of_connection >= settings.live_subscriptions_per_connection:
            raise _too_many("on one connection", settings.live_subscriptions_per_connection)
        if self._people[person] >= settings.live_subscriptions_per_person:
            raise _too_many("for one person", settings.live_subscriptions_per_person)
        if sum(self._subscriptions.values()) >= settings.live_subscriptions:
            raise Problem("BUSY", "This node has reached its maximum of subscriptions.")
        self._subscriptions[transport] += 1
        self._people[person] += 1

    def unsubscribe(self, transport: Transport, person: Hashable) -> None:
        """Count one subscription less."""
        self._subscriptions[transport] -= 1
        _less(self._people, person)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics for Prometheus."""
        for name, text, counts in (
            ("connections", "Live connections that are open.", self._connections),
            ("subscriptions", "Subscriptions that are followed.", self._subscriptions),
        ):
            gauge = GaugeMetricFamily(f"gateway_live_{name}", text, labels=["transport"])
            for transport, count in counts.items():
                gauge.add_metric([transport], count)
            yield gauge
        for name, text, counts in (
            ("frames", "Results sent to live connections.", self.frames),
            ("stalled", "Live connections cut off, since nobody read them.", self.stalled),
        ):
            counter = CounterMetricFamily(f"gateway_live_{name}", text, labels=["transport"])
            for transport, count in counts.items():
                counter.add_metric([transport], count)
            yield counter


def _less(counter: Counter[Hashable], key: Hashable) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]


def _too_many(where: str, maximum: int) -> Problem:
    message = f"There are at most {maximum} subscriptions {where}."
    return Problem(
        "RATE_LIMITED", message, limit="subscriptions", maximum=maximum, retryAfter=RETRY_AFTER
    )
