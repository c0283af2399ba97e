"""Traces by OpenTelemetry: operations, the levels of a query, SQL statements and jobs.

This module, and with it OpenTelemetry, is imported only where a collector is configured. A span
holds no text of a user: it names fields of the schema, tables, kinds of jobs and error codes.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from uuid import UUID

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Span,
    SpanKind,
    StatusCode,
    format_span_id,
    format_trace_id,
    get_current_span,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from db.base import Base
from db.trace_context import TRACEPARENT
from graph.settings import Settings

EXPORT_SECONDS = 5.0
"""Seconds for which a collector may keep the exporter waiting, also when the process ends."""
SUMMARIES = 5000
"""Statements of which the summary is kept."""
VERB = re.compile(r"\s*([A-Za-z]+)")
WRITE = re.compile(r"\b(INSERT|UPDATE|DELETE)\s+(?:INTO\s+|FROM\s+)?(?:public\.)?[a-z_]")
TARGET = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN|SELECT)\s+(?:public\.)?([a-z_]+(?:\.[a-z_]+)?)")
PROPAGATOR = TraceContextTextMapPropagator()

Attributes = Mapping[str, Any]
Fail = Callable[[BaseException], None]


class Tracing:
    """The traces of one process."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("gateway")

    @classmethod
    def of(cls, settings: Settings) -> "Tracing":
        """Return traces that are sent to the collector of the settings, by a thread of its own."""
        sampled = TraceIdRatioBased(settings.otel_traces_sampler_arg)
        provider = TracerProvider(
            # Callers may exclude their requests from tracing, but not have more of them traced.
            sampler=ParentBased(sampled, remote_parent_sampled=sampled),
            resource=Resource.create(
                {"service.name": settings.otel_service_name, "service.version": _version()}
            ),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(
            f"{settings.otel_exporter_otlp_endpoint}/v1/traces",
            headers=_headers(settings),
            timeout=EXPORT_SECONDS,
        )
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider)

    def close(self) -> None:
        """Send what is left. It blocks for as long as the collector takes, within its limit."""
        self._provider.shutdown()

    @contextmanager
    def operation(self, traceparent: str | None, facts: dict[str, Any]) -> Iterator[str]:
        """Trace an operation, as a part of the client's trace if it has one; yield `traceresponse`.

        `facts` are those of the log: they tell what the operation was when it has ended.
        """
        with self._begun("GraphQL Operation", SpanKind.SERVER, traceparent) as span:
            facts["trace_id"] = format_trace_id(span.get_span_context().trace_id)
            try:
                yield _traceparent(span)
            finally:
                kind, code = facts.get("operation"), facts.get("code", "OK")
                span.set_attribute("graphql.processing.type", "request")
                if kind:
                    span.update_name(kind)
                    span.set_attribute("graphql.operation.type", kind)
                if document := facts.get("document"):
                    span.set_attribute("graphql.document.hash", document)
                if (cost := facts.get("cost")) is not None:
                    span.set_attribute("gateway.cost", cost)
                if code != "OK":
                    _fail(span, code)

    @contextmanager
    def request(self, method: str, route: str, traceparent: str | None) -> Iterator[None]:
        """Trace an HTTP request that is no GraphQL operation."""
        attributes = {"http.request.method": method, "http.route": route}
        with self._begun(f"{method} {route}", SpanKind.SERVER, traceparent, attributes):
            yield

    @contextmanager
    def event(self) -> Iterator[None]:
        """Trace the execution of a subscription for its events, as a trace of its own."""
        attributes = {
            "graphql.operation.type": "subscription",
            "graphql.processing.type": "execute",
        }
        with self._begun("GraphQL Subscription Event", SpanKind.INTERNAL, None, attributes):
            yield

    @contextmanager
    def level(self, field: str, parents: int | None = None) -> Iterator[Fail]:
        """Trace what one field reads for all parents of a level; yield what tells its error.

        `field` is its coordinate in the schema, such as `Project.documents`.
        """
        attributes: dict[str, str | int] = {
            "graphql.processing.type": "step_execute",
            "graphql.selection.field.coordinate": field,
        }
        if parents is not None:
            attributes["gateway.parents"] = parents
        with self._within(field, SpanKind.INTERNAL, attributes) as fail:
            yield fail

    @contextmanager
    def statement(self, text: str) -> Iterator[None]:
        """Trace an SQL statement of a span that runs, by its verb and table."""
        operation, table = _summary(text)
        summary = f"{operation} {table}" if table else operation
        attributes = {
            "db.system.name": "postgresql",
            "db.operation.name": operation,
            "db.query.summary": summary,
        }
        if table:
            attributes["db.collection.name"] = table
        with self._within(summary, SpanKind.CLIENT, attributes):
            yield

    @contextmanager
    def job(
        self, kind: str, id: UUID, attempt: int, traceparent: str | None
    ) -> Iterator[Callable[[str], None]]:
        """Trace an attempt of a job, in the trace that enqueued it; yield what tells its end."""
        attributes = {
            "gateway.job.kind": kind,
            "gateway.job.id": str(id),
            "gateway.job.attempt": attempt,
        }
        with self._begun(f"job {kind}", SpanKind.CONSUMER, traceparent, attributes) as span:

            def end(outcome: str) -> None:
                span.set_attribute("gateway.job.outcome", outcome)
                if outcome != "succeeded":
                    _fail(span, outcome)

            yield end

    @contextmanager
    def _begun(
        self,
        name: str,
        kind: SpanKind,
        traceparent: str | None,
        attributes: Attributes | None = None,
    ) -> Iterator[Span]:
        """Begin a trace, or continue that of `traceparent`, and have others carry it on."""
        shown = {"traceparent": traceparent} if traceparent else {}
        parent = PROPAGATOR.extract(shown, Context())
        span = self._tracer.start_span(name, parent, kind, attributes)
        before = TRACEPARENT.set(_traceparent(span))
        try:
            with _current(span):
                yield span
        finally:
            TRACEPARENT.reset(before)

    @contextmanager
    def _within(self, name: str, kind: SpanKind, attributes: Attributes) -> Iterator[Fail]:
        """Trace a part of the span that runs; nothing where none does, such as upkeep."""
        if not get_current_span().is_recording():
            yield _ignore
            return
        with _current(self._tracer.start_span(name, None, kind, attributes)) as span:
            yield lambda error: _fail(span, _type_of(error))


@contextmanager
def _current(span: Span) -> Iterator[Span]:
    """Have the span be the one that runs, and end it. Of an error it tells the type alone."""
    with use_span(
        span, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            _fail(span, _type_of(error))
            raise


def _fail(span: Span, type_: str) -> None:
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", type_)


def _type_of(error: BaseException) -> str:
    """Return the code of a problem, the SQLSTATE of an error of PostgreSQL, or the class."""
    error = getattr(error, "original_error", None) or error
    for name in ("code", "sqlstate"):
        if isinstance(code := getattr(error, name, None), str):
            return code
    return type(error).__name__


def _ignore(_: BaseException) -> None:
    """Tell nobody."""


def _traceparent(span: Span) -> str:
    context = span.get_span_context()
    ids = f"{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}"
    return f"00-{ids}-{context.trace_flags:02x}"


@lru_cache(SUMMARIES)
def _summary(text: str) -> tuple[str, str | None]:
    """Return the verb of a statement, and the first table or function that it names."""
    found = VERB.match(text)
    verb = found[1].upper() if found else "SQL"
    if verb == "WITH":
        write = WRITE.search(text)
        verb = write[1] if write else "SELECT"
    tables = Base.metadata.tables
    for name in TARGET.findall(text):
        if name in tables or name == "set_config" or name.startswith("ctx."):
            return verb, name
    return verb, None


def _headers(settings: Settings) -> dict[str, str]:
    secret = settings.otel_exporter_otlp_headers
    pairs = secret.get_secret_value().split(",") if secret else []
    split = (pair.partition("=") for pair in pairs if pair.strip())
    return {name.strip().lower(): value.strip() for name, _, value in split}


def _version() -> str:
    try:
        return version("gateway")
    except PackageNotFoundError:  # run from its source, without being installed
        return "unknown"
