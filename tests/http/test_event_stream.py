"""GraphQL over server-sent events."""

import asyncio
import socket

import httpx
import orjson
import pytest

from graph.http.operation.negotiate import EVENT_STREAM, GRAPHQL, JSON, answer_type
from tests.http.conftest import Served, serving
from tests.http.connected import PUBLISH, SAID, events, gauges, post, publish, settled
from tests.http.toy import SECRET
from tests.loop import within

pytestmark = pytest.mark.processes

URQL = (
    "application/graphql-response+json, application/graphql+json, application/json,"
    " text/event-stream, multipart/mixed"
)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (EVENT_STREAM, EVENT_STREAM),
        (f"{EVENT_STREAM}, multipart/mixed", EVENT_STREAM),
        (f"{EVENT_STREAM}, */*", EVENT_STREAM),
        (f"{EVENT_STREAM}, {JSON};q=0.9", EVENT_STREAM),
        (URQL, GRAPHQL),
        (f"{EVENT_STREAM}, {JSON}", JSON),
        (f"{JSON};q=0.5, {EVENT_STREAM};q=0.4", JSON),
        ("*/*", JSON),
        ("text/*", None),
        (f"{EVENT_STREAM};q=0", None),
    ],
)
def test_events_are_sent_to_those_who_prefer_them(accept, chosen):
    assert answer_type(accept) == chosen


async def test_each_result_is_an_event_with_its_cursor(live: Served):
    async with events(live, topic="sse") as stream:
        response = stream.response
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert "no-store" in response.headers["cache-control"]
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["x-content-type-options"] == "nosniff"
        await settled(live, subscriptions_sse=1, connections_sse=1)
        assert await publish(live, "sse", "one\nand two\r") == 1
        event = await stream.next()
        assert (event["event"], event["id"]) == ("next", "1")
        assert orjson.loads(event["data"]) == {"data": {"said": {"text": "one\nand two\r"}}}
    await settled(live, subscriptions_sse=0, connections_sse=0)


async def test_a_stream_goes_on_after_the_last_event_that_was_seen(live: Served):
    for text in ("a", "b", "c"):
        await publish(live, "sse-resumed", text)
    async with events(
        live, topic="sse-resumed", after="0", headers={"last-event-id": "2"}
    ) as stream:
        event = await stream.next()
        assert event["id"] == "3"
    async with events(live, topic="sse-resumed", after="1") as stream:
        assert (await stream.next())["id"] == "2"


async def test_a_query_has_one_result_and_is_complete(live: Served):
    for query in ("{ hello }", 'mutation { create(input: {name: "n"}) { name } }'):
        async with events(live, query) as stream:
            assert "data" in await stream.result()
            assert await stream.next() == {"event": "complete", "data": ""}
            assert await stream.next() == {}
    await settled(live, connections_sse=0)


async def test_what_is_not_run_is_told_as_the_one_result(live: Served):
    for query, code in {
        "subscription { nothing }": "GRAPHQL_VALIDATION_FAILED",
        "{": "GRAPHQL_PARSE_FAILED",
        "subscription { a: ticks b: ticks }": "QUERY_TOO_COMPLEX",
        'subscription { said(topic: "x") { nothing } }': "GRAPHQL_VALIDATION_FAILED",
    }.items():
        async with events(live, query) as stream:
            errors = (await stream.result())["errors"]
            assert errors[0]["extensions"]["code"] == code
            assert (await stream.next())["event"] == "complete"
    async with events(live, topic="hidden") as stream:
        assert (await stream.result())["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    async with events(live, topic="broken") as stream:
        errors = (await stream.result())["errors"]
        assert errors[0]["extensions"]["code"] == "INTERNAL"
        assert SECRET not in str(errors)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": "Bearer expired"}, 401),
        ({"authorization": "Bearer busy"}, 503),
        ({"content-type": "text/plain"}, 415),
    ],
)
async def test_a_request_that_is_refused_has_no_stream(live: Served, headers, status):
    async with events(live, headers=headers, topic="t") as stream:
        assert stream.response.status_code == status
        assert stream.response.headers["content-type"].startswith(GRAPHQL)
        await stream.response.aread()
        assert "errors" in stream.response.json()


async def test_nobody_cannot_subscribe(live: Served):
    async with (
        httpx.AsyncClient(base_url=live.url) as client,
        client.stream(
            "POST",
            "/graphql",
            json={"query": SAID, "variables": {"topic": "t"}},
            headers={"accept": EVENT_STREAM},
        ) as response,
    ):
        text = (await response.aread()).decode()
    assert "UNAUTHENTICATED" in text
    assert text.endswith("event: complete\ndata:\n\n")


async def test_a_subscription_is_not_run_by_a_plain_request(live: Served):
    async with httpx.AsyncClient(base_url=live.url) as client:
        for accept in (URQL, "application/json", "*/*"):
            headers = {"authorization": "Bearer good", "accept": accept}
            body = {"query": SAID, "variables": {"topic": "t"}}
            response = await client.post("/graphql", json=body, headers=headers)
            assert response.status_code == 400
        headers["accept"] = URQL
        response = await client.post("/graphql", json={"query": "{ hello }"}, headers=headers)
        assert response.headers["content-type"].startswith(GRAPHQL)
        assert response.json()["data"] == {"hello": "world"}
        assert (await client.put("/graphql", headers={"accept": EVENT_STREAM})).status_code == 405


async def test_a_browser_follows_by_get_from_its_own_pages_alone(live: Served):
    own = {"accept": EVENT_STREAM, "cookie": "gateway=somebody", "sec-fetch-site": "same-origin"}
    async with httpx.AsyncClient(base_url=live.url, timeout=10) as client:
        params = {"query": SAID, "variables": '{"topic": "get"}'}
        async with client.stream("GET", "/graphql", params=params, headers=own) as response:
            assert response.status_code == 200
            await settled(live, subscriptions_sse=1)
            await publish(live, "get", "text")
            lines = response.aiter_lines()
            while "text" not in await anext(lines):
                pass
        for foreign in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
            response = await client.get(
                "/graphql", params=params, headers=own | {"sec-fetch-site": ""} | foreign
            )
            assert response.status_code == 403
        params = {"query": 'mutation { create(input: {name: "n"}) { name } }'}
        response = await client.get("/graphql", params=params, headers=own)
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"


async def test_every_stream_has_headers_of_its_own(live: Served):
    for _ in range(2):
        async with events(live, "{ hello }") as stream:
            assert len(stream.response.headers.get_list("x-request-id")) == 1


async def test_an_expired_token_ends_the_stream_so_that_the_client_comes_again(live: Served):
    async with events(live, topic="t", headers={"authorization": "Bearer short"}) as stream:
        assert await stream.next() == {}
    await settled(live, subscriptions_sse=0)


async def test_whoever_is_revoked_is_told_so_for_good(live: Served):
    async with events(live, topic="t", headers={"authorization": "Bearer revoked"}) as stream:
        await settled(live, subscriptions_sse=1)
        await post(live, 'mutation { revoke(name: "revoked") }')
        errors = (await stream.result())["errors"]
        assert errors[0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert (await stream.next())["event"] == "complete"
        assert await stream.next() == {}


async def test_a_query_ends_when_its_client_leaves(live: Served):
    headers = {"accept": EVENT_STREAM, "authorization": "Bearer good"}
    async with httpx.AsyncClient(base_url=live.url, timeout=0.3) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/graphql", json={"query": "{ slow }"}, headers=headers)
    await settled(live, connections_sse=0)


async def test_a_reader_that_stalls_is_cut_off_and_slows_nobody(live: Served):
    before = (await gauges(live))["stalled_total sse"]
    body = orjson.dumps({"query": SAID, "variables": {"topic": "sse-stalled"}})
    head = (
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Accept: text/event-stream\r\nAuthorization: Bearer slow\r\nContent-Length: {len(body)}"
    )
    stalled = [socket.socket() for _ in range(5)]
    for raw in stalled:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", live.port))
        raw.sendall(head.encode() + b"\r\n\r\n" + body)
    async with events(live, topic="sse-stalled") as healthy:
        await settled(live, subscriptions_sse=6)
        more = {"topic": "sse-stalled", "text": "", "times": 120, "size": 10_000}
        async with within(10):
            sending = asyncio.create_task(post(live, PUBLISH, **more))
            for _ in range(120):
                await healthy.result()
            await sending
            await settled(live, subscriptions_sse=1, connections_sse=1)
    assert (await gauges(live))["stalled_total sse"] == before + 5
    for raw in stalled:
        raw.close()


async def test_an_address_has_so_many_streams(tmp_path):
    with serving(tmp_path, live_connections_per_address=1) as served:
        async with events(served, topic="t"):
            await settled(served, connections_sse=1)
            async with events(served, topic="t") as second:
                assert second.response.status_code == 429
                assert second.response.headers["retry-after"] == "5"
            with_cookie = {"accept": EVENT_STREAM, "cookie": "gateway=somebody"}
            asked = {"query": "subscription { ticks }"}
            async with httpx.AsyncClient(base_url=served.url) as browser:
                later = await browser.get("/graphql", params=asked, headers=with_cookie)
            come_again(later, 5)


def come_again(response: httpx.Response, seconds: int) -> None:
    """Check that an EventSource reconnects after this many seconds (HTML, section 9.2).

    That takes 200, the media type, and lines without an event.
    """
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{EVENT_STREAM}; charset=utf-8"
    retry, comment, *rest = response.text.split("\n")
    assert 1000 * seconds <= int(retry.removeprefix("retry: ")) <= 2000 * seconds
    assert comment.startswith(":")
    assert rest == ["", ""]


@pytest.mark.parametrize(("token", "status"), [("busy", 200), ("expired", 401)])
async def test_an_event_source_comes_again_after_what_passes_and_after_nothing_else(
    live: Served, token, status
):
    headers = {"accept": EVENT_STREAM, "authorization": f"Bearer {token}"}
    asked = {"query": "subscription { ticks }"}
    async with httpx.AsyncClient(base_url=live.url) as client:
        answer = await client.get("/graphql", params=asked, headers=headers)
    assert answer.status_code == status
    if status == 200:
        come_again(answer, 1)


async def test_after_all_that_nothing_is_left_behind(live: Served):
    await settled(live, subscriptions_sse=0, connections_sse=0)
    log = live.log.read_text()
    assert "Traceback" not in log
    assert "ASGI callable" not in log
