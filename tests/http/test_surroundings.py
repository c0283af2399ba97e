"""Middleware around every response: IDs, headers, hosts, compression, the log, the last resort."""

import json
import re
from uuid import UUID

import httpx
import pytest

from graph.http.operation.errors import MASKED
from tests.http.toy import SECRET
from tests.log_lines import log_lines

HELLO = {"query": "{ hello }"}
LARGE = {
    "query": "query ($json: JSON) { echo(json: $json) }",
    "variables": {"json": ["Stops within 40 m"] * 100},
}


@pytest.mark.parametrize("shown", ["01977b3e-6a00-7000-8000-000000000000", "build.42_retry-1"])
async def test_an_id_that_the_client_gives_is_kept(toy, shown):
    response = await toy.post("/graphql", json=HELLO, headers={"x-request-id": shown})
    assert response.headers["x-request-id"] == shown


@pytest.mark.parametrize("shown", ["", "short", "x" * 65, "with a space", "né" * 10, "{}{}{}{}"])
async def test_an_id_that_could_harm_the_log_is_replaced(toy, shown):
    headers = {"x-request-id": shown.encode("latin-1")}
    response = await toy.post("/graphql", json=HELLO, headers=headers)
    assert UUID(response.headers["x-request-id"]).version == 7


@pytest.mark.slow
async def test_an_id_is_bound_to_every_line_of_its_request(served):
    async with httpx.AsyncClient(base_url=served.url) as client:
        query = {"query": "{ broken refused }"}
        await client.post("/graphql", json=query, headers={"x-request-id": "one-request"})
        await client.get("/healthz")  # by now its line has been written
    lines = [line for line in served.log.read_text().splitlines() if "one-request" in line]
    assert [json.loads(line)["event"] for line in lines] == ["failed", "request"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/graphql", 200),
        ("GET", "/graphql", 400),
        ("PUT", "/graphql", 405),
        ("GET", "/nothing", 404),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/defect", 500),
    ],
)
async def test_every_answer_has_the_headers_that_protect_browsers(toy, method, path, status):
    body = {"json": HELLO} if method == "POST" else {}
    response = await toy.request(method, path, **body)
    assert response.status_code == status
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"
    assert "x-request-id" in response.headers
    assert "server" not in response.headers
    assert "strict-transport-security" not in response.headers


async def test_https_is_insisted_on_where_it_is_served(client_with):
    client = client_with(public_url="https://api.example")
    response = await client.post("/graphql", json=HELLO, headers={"host": "api.example"})
    assert response.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8000", 200),
        ("127.0.0.1:1234", 200),
        ("[::1]:8000", 200),
        ("evil.example", 400),
        ("evil.example/../localhost", 400),
        ("localhost/../evil.example", 400),
        ("localhost@evil.example", 400),
        ("localhost:8000:9000", 400),
        ("", 400),
    ],
)
async def test_the_gateway_answers_to_its_own_names_alone(toy, host, status):
    response = await toy.post("/graphql", json=HELLO, headers={"host": host})
    assert response.status_code == status


async def test_hosts_are_those_that_the_operator_names(client_with):
    named = client_with(allowed_hosts=("api.example", "*.tenants.example"))
    for host, status in (("api.example", 200), ("a.tenants.example", 200), ("localhost", 400)):
        response = await named.post("/graphql", json=HELLO, headers={"host": host})
        assert response.status_code == status
    public = client_with(public_url="https://api.example")
    assert (await public.get("/metrics", headers={"host": "api.example"})).status_code == 200


async def test_probes_are_answered_to_any_host(toy):
    for path in ("/healthz", "/readyz"):
        assert (await toy.get(path, headers={"host": "10.0.0.7:8000"})).status_code == 200


async def test_large_answers_are_compressed_for_those_who_take_it(toy):
    compressed = await toy.post("/graphql", json=LARGE, headers={"accept-encoding": "gzip"})
    assert compressed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in compressed.headers["vary"].lower()
    plain = await toy.post("/graphql", json=LARGE, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == compressed.json()
    small = await toy.post("/graphql", json=HELLO, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in small.headers


async def test_a_defect_outside_of_graphql_is_masked(toy):
    with log_lines() as logs:
        response = await toy.get("/defect")
    assert response.status_code == 500
    assert SECRET not in response.text
    (error,) = response.json()["errors"]
    assert error["message"] == MASKED
    assert error["extensions"]["requestId"] == response.headers["x-request-id"]
    assert {event["event"] for event in logs} == {"failed", "request"}


async def test_a_request_is_one_line_of_the_log(toy):
    with log_lines() as logs:
        await toy.post("/graphql?secret=1", json={"query": "query Named { items { totalCount } }"})
    (line,) = logs
    assert line.pop("ms") >= 0
    assert re.fullmatch("[0-9a-f]{32}", line.pop("document"))
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "operation": "query",
        "cost": 1,
        "code": "OK",
    }


async def test_a_path_cannot_forge_a_line_of_the_log(toy):
    with log_lines() as logs:
        await toy.get("/%0aforged%1b[31m" + "x" * 5000)
    assert logs[0]["path"].startswith("/%0aforged%1b")
    assert len(logs[0]["path"]) == 200


async def test_probes_that_succeed_are_not_logged(toy):
    with log_lines() as logs:
        await toy.get("/healthz")
    assert [event["log_level"] for event in logs] == ["debug"]
