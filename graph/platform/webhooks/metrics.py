"""Metrics of the webhooks that one process sends."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 15, 30, 60)


class WebhookMetrics:
    """Counts attempts by outcome."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry or CollectorRegistry()
        self._attempts = Counter(
            "gateway_webhook_attempts",
            "Attempts to deliver a webhook: succeeded, queued for another attempt, or failed.",
            ("outcome",),
            registry=registry,
        )
        self._seconds = Histogram(
            "gateway_webhook_seconds",
            "Seconds until an endpoint has answered.",
            buckets=SECONDS,
            registry=registry,
        )
        self.endpoints = Gauge(
            "gateway_webhook_endpoints", "Endpoints that this process sends to.", registry=registry
        )

    def attempted(self, outcome: str, seconds: float) -> None:
        """Count one attempt."""
        self._attempts.labels(outcome).inc()
        self._seconds.observe(seconds)
