"""Metrics of the jobs of one process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900)


class JobMetrics:
    """Counts runs by kind and outcome, and shows the queue as this process last saw it."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self.registry = registry
        self._runs = Counter(
            "gateway_job_runs",
            "Runs of jobs that ended: succeeded, failed, queued for another attempt, cancelled,"
            " lost or released.",
            ("kind", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "gateway_job_seconds",
            "Seconds of one run.",
            ("kind",),
            buckets=SECONDS,
            registry=registry,
        )
        self.running = Gauge("gateway_jobs_running", "Jobs that run here.", registry=registry)
        self.due = Gauge("gateway_jobs_due", "Jobs that are due, of all.", registry=registry)
        self.oldest = Gauge(
            "gateway_jobs_oldest_seconds",
            "Seconds for which the oldest job has been due.",
            registry=registry,
        )

    def ended(self, kind: str, outcome: str, seconds: float) -> None:
        """Count one run."""
        self._runs.labels(kind, outcome).inc()
        self._seconds.labels(kind).observe(seconds)
