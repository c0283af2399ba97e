"""Traces: spans of operations, levels, statements and jobs, and the headers that carry them on."""

import subprocess
import sys
import threading
from collections import defaultdict
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_network
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id
from pydantic import SecretStr

from auth.outbound import Outbound
from db.trace_context import TRACEPARENT
from graph.app import create_app, database_of
from graph.platform.jobs import Kind
from graph.platform.jobs.worker import Worker
from graph.tracing import Tracing
from tests.conftest import SECRET, Superuser
from tests.platform.jobs.kinds import LONG, enqueued, row

ROOT = Path(__file__).parents[2]
NESTED = """
query Secretive($id: UUID!) { project(id: $id) { documents { nodes { name
    mine: blocks { nodes { name } } } } } }
"""


@pytest.fixture
def spans():
    """Yield an exporter that keeps the spans of `tracing`."""
    return InMemorySpanExporter()


@pytest.fixture
def tracing(spans):
    sampler = ParentBased(TraceIdRatioBased(1), remote_parent_sampled=TraceIdRatioBased(1))
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Tracing(provider)


@asynccontextmanager
async def serving(settings, tracing):
    """Yield a client of an application that traces."""
    app = create_app(settings, tracing)
    async with app.router.lifespan_context(app):
        Superuser.listeners.append(app.state.viewers.clear)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client
        Superuser.listeners.remove(app.state.viewers.clear)


async def ask(world, client, query, headers=(), **variables):
    shown = {"Authorization": f"Bearer {await world.token('editor')}", **dict(headers)}
    sent = {key: str(value) for key, value in variables.items()}
    return await client.post("/graphql", json={"query": query, "variables": sent}, headers=shown)


def tree(spans):
    """Return the spans, by the name of their parent."""
    names = {span.context.span_id: span.name for span in spans}
    found = defaultdict(list)
    for span in spans:
        if span.name not in ("SELECT set_config", "SET"):  # what readies a connection
            found[names.get(span.parent.span_id) if span.parent else None].append(span.name)
    return dict(found)


async def test_an_operation_has_a_span_for_each_level_and_statement(
    world, settings, tracing, spans
):
    trace_id, parent_id = uuid4().hex, uuid4().hex[:16]
    async with serving(settings, tracing) as client:
        shown = {"traceparent": f"00-{trace_id}-{parent_id}-01", "tracestate": "vendor=secret"}
        response = await ask(world, client, NESTED, shown, id=world.project)
        assert response.json()["data"]["project"]["documents"]["nodes"][0]["mine"]["nodes"]
        found = [
            span
            for span in spans.get_finished_spans()
            if format_trace_id(span.context.trace_id) == trace_id
        ]
        (operation,) = (span for span in found if span.kind is SpanKind.SERVER)
        assert operation.name == "query"
        assert format_span_id(operation.parent.span_id) == parent_id
        assert operation.attributes["graphql.operation.type"] == "query"
        assert operation.attributes["graphql.document.hash"]
        assert operation.status.status_code is StatusCode.UNSET
        span_id = format_span_id(operation.context.span_id)
        assert response.headers["traceresponse"] == f"00-{trace_id}-{span_id}-01"
        beneath = tree(found)
        assert beneath["query"][-1] == "Query.project"
        assert beneath["Query.project"] == ["SELECT projects", "Project.documents"]
        assert beneath["Project.documents"] == ["SELECT documents", "Document.blocks"]
        assert beneath["Document.blocks"] == ["SELECT blocks"]

        spans.clear()
        refused = await ask(world, client, NESTED, id=uuid4())
        assert refused.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
        by_name = {span.name: span for span in spans.get_finished_spans()}
        for name in ("query", "Query.project"):
            assert by_name[name].status.status_code is StatusCode.ERROR
            assert by_name[name].attributes["error.type"] == "NOT_FOUND"

        spans.clear()
        shown = {"traceparent": f"00-{trace_id}-{parent_id}-00"}
        await ask(world, client, NESTED, shown, id=world.project)
        assert spans.get_finished_spans() == (), "the client does not want it traced"


async def test_no_span_has_a_text_of_a_user(world, settings, tracing, spans):
    secret = "a text that nobody else may read"
    create = """mutation Secretive($document: UUID!) {
        requirementCreate(input: {documentId: $document, name: "TEXT", tags: ["TEXT"]}) {
            mine: requirement { name } } }""".replace("TEXT", secret)
    search = '{ secretive: requirements(search: "TEXT") { totalCount nodes { name } } }'
    search = search.replace("TEXT", secret)
    async with serving(settings, tracing) as client:
        shown = {"tracestate": "vendor=secretive", "X-Request-Id": "secretive-request"}
        shown["traceparent"] = "00-" + "a text that is no trace"
        for query in (create, search, "{ secretive }", "secretive"):
            await ask(world, client, query, shown, document=world.document)
    found = spans.get_finished_spans()
    assert {"query", "mutation", "GraphQL Operation"} <= {span.name for span in found}
    assert any(span.name.startswith("INSERT") or "COMMIT" in span.name for span in found)
    for span in found:
        told = span.to_json().lower()
        assert "secret" not in told
        assert secret not in told
        assert world.email("editor") not in told
        assert not span.events


async def test_a_job_continues_the_trace_that_has_enqueued_it(world, settings, tracing, spans):
    outside = {}

    async def handle(run):
        outside["traceparent"] = TRACEPARENT.get()
        await run.progress(0.5)
        if run.job.attempts == 1:
            raise ValueError("a text of the job")

    kind = Kind(f"tests.k{uuid4().hex}", handle)
    with tracing.operation(None, facts := {}):
        id = await enqueued(world, kind)
    assert await enqueued(world, kind), "without a trace"
    async with database_of(settings, tracing=tracing) as database:
        worker = Worker(database, [kind], lease=LONG, tracing=tracing)
        assert await worker.run_due() == 2
    assert (await row(world, id))["traceparent"].split("-")[1] == facts["trace_id"]
    runs = [span for span in spans.get_finished_spans() if span.kind is SpanKind.CONSUMER]
    own = next(span for span in runs if span.attributes["gateway.job.id"] == str(id))
    assert own.name == f"job {kind.name}"
    assert format_trace_id(own.context.trace_id) == facts["trace_id"]
    assert own.attributes["gateway.job.outcome"] == "queued"
    assert own.status.status_code is StatusCode.ERROR
    assert facts["trace_id"] != format_trace_id(
        next(span for span in runs if span is not own).context.trace_id
    )
    assert outside["traceparent"] is not None
    assert "SELECT ctx.report_job" in {span.name for span in spans.get_finished_spans()}


class Receiver(BaseHTTPRequestHandler):
    """A server that decodes what a collector is sent, or is asked."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver():
    """Yield a server that keeps its requests."""
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.requests = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.slow
async def test_a_collector_is_sent_the_spans_by_otlp(world, settings, receiver):
    collecting = settings.model_copy(
        update={
            "otel_exporter_otlp_endpoint": f"http://127.0.0.1:{receiver.server_port}",
            "otel_exporter_otlp_headers": SecretStr("api-key=one, x=two"),
            "otel_service_name": "gateway-of-tests",
        }
    )
    async with serving(collecting, None) as client:
        trace = (await ask(world, client, "{ projects { totalCount } }")).headers["traceresponse"]
    found, services = [], set()
    for path, headers, body in receiver.requests:
        assert path == "/v1/traces"
        assert headers["api-key"] == "one"
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        for resource in request.resource_spans:
            services |= {
                one.value.string_value
                for one in resource.resource.attributes
                if one.key == "service.name"
            }
            found += [span for scope in resource.scope_spans for span in scope.spans]
    assert services == {"gateway-of-tests"}
    own = [span for span in found if span.trace_id.hex() == trace.split("-")[1]]
    assert "query" in {span.name for span in own}


@pytest.mark.slow
async def test_requests_to_other_servers_carry_the_trace_on(tracing, receiver):
    outbound = Outbound([ip_network("127.0.0.0/8")], insecure=True)
    url = f"http://127.0.0.1:{receiver.server_port}/"
    with tracing.operation(None, facts := {}):
        await outbound.fetch("POST", url, content=b"{}")
    await outbound.fetch("POST", url, content=b"{}")
    (_, traced, _), (_, plain, _) = receiver.requests
    assert traced["traceparent"].split("-")[1] == facts["trace_id"]
    assert "traceparent" not in plain


@pytest.mark.slow
def test_nothing_of_it_is_imported_without_a_collector():
    code = (
        "import sys; from graph.app import create_app; from graph.settings import Settings;"
        f" create_app(Settings(database_url='postgresql://none', gateway_secret='{SECRET}'));"
        " assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
