"""External documents: whether their URLs can be reached, and the texts that are extracted."""

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from auth.outbound import Outbound
from graph.kit import context
from graph.platform.document_processing import MAX_TEXT_LENGTH, DocumentProcessor
from graph.requirements.external_jobs import kinds_of
from tests.platform.jobs.kinds import row, worker
from tests.requirements.linking import link, links_of
from tests.serving import served
from tests.world import Refused

CREATE = """mutation ($input: ExternalDocumentCreateInput!) {
  externalDocumentCreate(input: $input) { externalDocument { id gumloopName } } }"""
UPDATE = """mutation ($id: UUID!, $version: BigInt!, $input: ExternalDocumentUpdateInput!) {
  externalDocumentUpdate(id: $id, expectedVersion: $version, input: $input) {
    externalDocument { version lastCheck { isReachable } } } }"""
CHECK = "mutation ($id: UUID!) { externalDocumentCheck(id: $id) { jobId job { status } } }"
PROCESS = "mutation ($id: UUID!) { externalDocumentProcess(id: $id) { jobId } }"
READ = """query ($id: UUID!) { externalDocument(id: $id) { version extractedText processedAt
  gumloopName lastCheck { checkedAt isReachable status error } } }"""
HERE = Outbound([ip_network("127.0.0.0/8")], insecure=True, seconds=5.0)


class Server:
    """A server of documents, and of a processor that answers as a test wants."""

    url = ""
    answer: object = None

    def __init__(self):
        self.asked = []

    async def document(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.asked.append((request.method, name))
        if name == "moved":
            return RedirectResponse("/documents/here")
        if name == "get-only" and request.method == "HEAD":
            return Response(status_code=405)
        if name == "long" and request.method == "HEAD":
            return Response(status_code=501)
        if name == "long":
            return Response(b"x" * 2_000_000)
        if name == "inside":
            return RedirectResponse("http://10.0.0.1/")
        return Response(status_code=404 if name == "gone" else 200)

    async def process(self, request: Request) -> Response:
        self.asked.append((await request.json(), request.headers.get("authorization")))
        return self.answer() if callable(self.answer) else JSONResponse(self.answer)


@asynccontextmanager
async def serving():
    one = Server()
    routes = [
        Route("/documents/{name}", one.document, methods=["GET", "HEAD"]),
        Route("/process", one.process, methods=["POST"]),
    ]
    async with served(lambda _: Starlette(routes=routes)) as url:
        one.url = url
        yield one


@pytest.fixture(scope="module")
async def server():
    async with serving() as one:
        yield one


@pytest.fixture
def run(world, server):
    """Return a function that runs the jobs that are due, with a processor."""

    async def run(outbound=HERE, processor=True, seconds=5.0):
        port = DocumentProcessor(f"{server.url}/process", "secret-key", seconds)
        kinds = kinds_of(outbound, port if processor else None, None)
        await worker(world.database, *kinds).run_due()

    return run


@pytest.fixture
def enabled(monkeypatch):
    """Have the gateway process documents."""
    before = context.Context.__init__

    def with_processor(self, *arguments, **named):
        before(self, *arguments, **named)
        self.processes_documents = True

    monkeypatch.setattr(context.Context, "__init__", with_processor)


async def document(world, by="editor", **input):
    given = {"organizationId": world.organization, "name": "Norm"} | input
    return (await world.ask(by, CREATE, input=given))["externalDocument"]["id"]


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("here", 200, None),
        ("moved", 200, None),
        ("get-only", 200, None),
        ("long", 200, None),
        ("gone", 404, "The server answered with status 404."),
        ("inside", None, "The URL does not lead to a public server."),
    ],
)
async def test_a_check_says_whether_the_url_can_be_reached(world, server, run, name, status, error):
    id = await document(world, url=f"{server.url}/documents/{name}")
    assert (await world.ask("viewer", READ, id=id))["lastCheck"] is None
    made = await world.ask("editor", CHECK, id=id)
    await run()
    read = await world.ask("viewer", READ, id=id)
    check = read["lastCheck"]
    assert (check["isReachable"], check["status"], check["error"]) == (
        error is None,
        status,
        error,
    )
    assert json.loads((await row(world, made["jobId"]))["result"])["status"] == status
    input = {"url": "https://norms.example/other"}
    changed = await world.ask("editor", UPDATE, id=id, version=read["version"], input=input)
    assert changed["externalDocument"]["lastCheck"] is None  # it was about another URL


async def test_a_check_does_not_reach_into_the_network_of_the_gateway(world, server, run):
    id = await document(world, url=f"{server.url}/documents/here")
    await world.ask("editor", CHECK, id=id)
    server.asked.clear()
    await run(outbound=replace(HERE, networks=()))
    check = (await world.ask("viewer", READ, id=id))["lastCheck"]
    assert (check["isReachable"], check["status"]) == (False, None)
    assert server.asked == []


async def test_only_editors_check_and_only_documents_with_a_url(world, other_world):
    id = await document(world)
    with pytest.raises(Refused) as refused:
        await world.ask("editor", CHECK, id=id)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["id"])
    for query in (CHECK, PROCESS):
        assert await world.code("viewer", query, id=id) == "FORBIDDEN"
        assert await other_world.code("owner", query, id=id) == "NOT_FOUND"


async def test_without_a_processor_no_document_is_processed(world):
    id = await document(world, url="https://norms.example/1")
    assert await world.code("editor", PROCESS, id=id) == "NOT_ENABLED"


@pytest.mark.usefixtures("enabled")
async def test_the_text_of_a_document_is_stored(world, server, run):
    id = await document(world, url="https://norms.example/1", gumloopName="norm-flow", type="pdf")
    server.asked.clear()
    server.answer = {"text": "Brakes\x00 shall " + "x" * MAX_TEXT_LENGTH}
    await world.ask("editor", PROCESS, id=id)
    await run()
    ((asked, key),) = server.asked
    assert key == "Bearer secret-key"
    assert asked == {
        "id": id,
        "name": "Norm",
        "type": "pdf",
        "size": None,
        "url": "https://norms.example/1",
        "fileUrl": None,
        "gumloopName": "norm-flow",
    }
    read = await world.ask("viewer", READ, id=id)
    assert read["extractedText"].startswith("Brakes shall x")
    assert len(read["extractedText"]) == MAX_TEXT_LENGTH
    assert read["processedAt"] is not None


def too_long():
    return Response(b'{"text": "' + b"x" * 3_000_000 + b'"}')


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"summary": "no text"}, "failed"),
        ({"text": 5}, "failed"),
        ([], "failed"),
        (lambda: Response(b"{"), "failed"),
        (too_long, "failed"),
        (lambda: JSONResponse({}, 400), "failed"),
        (lambda: JSONResponse({}, 503), "queued"),
        (lambda: RedirectResponse("https://elsewhere.example/"), "failed"),
    ],
)
async def test_an_answer_without_a_text_changes_nothing(world, server, run, answer, status):
    id = await document(world, url="https://norms.example/1")
    server.answer = answer
    made = await world.ask("editor", PROCESS, id=id)
    await run()
    assert (await row(world, made["jobId"]))["status"] == status
    assert (await world.ask("viewer", READ, id=id))["extractedText"] is None


async def test_an_external_document_is_the_target_of_a_trace_link_and_not_the_source(world):
    id = await document(world, url="https://norms.example/1")
    made = await link(world, world.requirement, id, linkType="SATISFIES")
    assert made["target"]["entityType"] == "EXTERNAL_DOCUMENT"
    assert (await links_of(world, id))[1] == [made]
    await world.ask("editor", UPDATE, id=id, version=1, input={"url": "https://norms.example/2"})
    (seen,) = (await links_of(world, world.requirement))[0]
    assert seen["suspect"] is True
    with pytest.raises(Refused) as refused:
        await link(world, id, world.requirement)
    assert (refused.value.code, refused.value.field) == ("INVALID", ["input", "sourceId"])
