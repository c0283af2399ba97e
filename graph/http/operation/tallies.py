"""Counts of what happens often, as plain numbers that are read when metrics are asked for.

The metrics of prometheus_client take a lock and check labels for each count, which is several
microseconds a request. These are for one thread, the event loop's.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

Labels = tuple[str, ...]


class Counts(Collector):
    """A counter for each combination of labels; `values` holds the counts so far."""

    def __init__(self, name: str, description: str, labels: Sequence[str]) -> None:
        self._name, self._description, self._labels = name, description, labels
        self.values: dict[Labels, int] = {}

    def add(self, labels: Labels) -> None:
        """Count one more of these labels."""
        self.values[labels] = self.values.get(labels, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """Yield the counts, for the registry."""
        family = CounterMetricFamily(self._name, self._description, labels=self._labels)
        for labels, count in self.values.items():
            family.add_metric(labels, count)
        yield family


class Level(Collector):
    """A number that goes up and down."""

    def __init__(self, name: str, description: str) -> None:
        self._name, self._description = name, description
        self.value = 0

    def collect(self) -> Iterator[Metric]:
        """Yield the number, for the registry."""
        yield GaugeMetricFamily(self._name, self._description, value=self.value)


class Distribution(Collector):
    """A histogram for each combination of labels."""

    def __init__(
        self, name: str, description: str, labels: Sequence[str], bounds: Sequence[float]
    ) -> None:
        self._name, self._description, self._labels = name, description, labels
        self._bounds = bounds
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def add(self, labels: Labels, value: float) -> None:
        """Count one value, of these labels."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(self._bounds) + 1)
            self._sums[labels] = 0.0
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[labels] += value

    def collect(self) -> Iterator[Metric]:
        """Yield the number of values up to each bound, for the registry."""
        family = HistogramMetricFamily(self._name, self._description, labels=self._labels)
        known = self._counts or ({(): [0] * (len(self._bounds) + 1)} if not self._labels else {})
        for labels, counts in known.items():
            total, buckets = 0, []
            for bound, count in zip((*map(float, self._bounds), "+Inf"), counts, strict=True):
                total += count
                buckets.append((str(bound), total))
            family.add_metric(labels, buckets, self._sums.get(labels, 0.0))
        yield family
