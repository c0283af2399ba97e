"""Another site's page cannot act with a visitor's cookie."""

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from graph.http.stream.messages import PROTOCOL
from graph.settings import Settings
from tests.http.toy import create_toy

HELLO = {"query": "{ viewer }"}
COOKIE = {"cookie": "gateway=secret"}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin", "origin": "http://localhost:8000"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"origin": "http://localhost:8000"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "unheard-of"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "http://localhost:8001"}, False),
        ({"origin": "null"}, False),
        ({"origin": "https://["}, False),
        ({"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, False),
    ],
)
async def test_a_cookie_acts_for_its_own_site_alone(toy, method, headers, passes):
    options = {"params": HELLO} if method == "GET" else {"json": HELLO}
    response = await toy.request(method, "/graphql", headers=COOKIE | headers, **options)
    if passes:
        assert response.json()["data"]["viewer"] is not None
    else:
        assert response.status_code == 403
        assert response.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_token_acts_from_anywhere(toy):
    headers = {
        "authorization": "Bearer good",
        "sec-fetch-site": "cross-site",
        "origin": "https://a",
    }
    response = await toy.post("/graphql", json=HELLO, headers=headers)
    assert response.json()["data"]["viewer"] is not None


async def test_an_origin_that_the_operator_trusts_may_ask(client_with):
    client = client_with(cors_origins=("https://app.example",))
    headers = {"origin": "https://app.example", "sec-fetch-site": "cross-site"}
    assert (await client.post("/graphql", json=HELLO, headers=headers)).status_code == 200


async def test_no_origin_is_told_that_it_may_read_answers_unless_it_is_trusted(toy, client_with):
    ask = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    assert "access-control-allow-origin" not in (await toy.options("/graphql", headers=ask)).headers
    client = client_with(cors_origins=("https://app.example",))
    allowed = await client.options("/graphql", headers=ask)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-credentials" not in allowed.headers
    refused = await client.options("/graphql", headers=ask | {"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in refused.headers


async def test_a_page_that_is_traced_may_ask(client_with):
    client = client_with(cors_origins=("https://app.example",))
    sent = "authorization,content-type,traceparent,tracestate,baggage,sentry-trace"
    ask = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": f"{sent},x-datadog-trace-id,apollographql-client-name",
    }
    assert (await client.options("/graphql", headers=ask)).status_code == 200


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"]
)
async def test_what_a_page_can_send_without_asking_is_not_read(toy, content_type):
    headers = COOKIE | {"content-type": content_type}
    body = b'{"query": "mutation { wait }", "x": "="}'
    response = await toy.post("/graphql", content=body, headers=headers)
    assert response.status_code == 415


@pytest.mark.parametrize(("origin", "passes"), [("https", True), ("http", False), ("ws", False)])
def test_a_page_of_the_same_host_that_came_by_http_is_another_site_to_https(origin, passes):
    """Anybody on the network could have written it."""
    settings = Settings(public_url="https://gateway.example", allowed_hosts=("*",))
    headers = COOKIE | {"host": "gateway.example", "origin": f"{origin}://gateway.example"}
    with TestClient(create_toy(settings), base_url="https://gateway.example") as client:
        response = client.post("/graphql", json=HELLO, headers=headers)
        assert response.status_code == (200 if passes else 403)
        try:
            with client.websocket_connect(
                "wss://gateway.example/graphql", subprotocols=[PROTOCOL], headers=headers
            ):
                assert passes
        except (WebSocketDenialResponse, WebSocketDisconnect):
            assert not passes
