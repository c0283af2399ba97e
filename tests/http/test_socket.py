"""GraphQL over WebSocket as clients use it."""

import asyncio

import pytest
from websockets.typing import Subprotocol

from tests.http.conftest import Served
from tests.http.connected import SAID, publish, settled, socket
from tests.http.toy import SECRET

pytestmark = pytest.mark.processes


async def test_a_query_has_one_result_and_is_complete(live: Served):
    async with socket(live) as client:
        await client.subscribe("q", "query ($text: String!) { echo(text: $text) }", text="hi")
        result = await client.receive()
        assert result["type"] == "next"
        assert result["id"] == "q"
        assert result["payload"]["data"] == {"echo": ["hi", 0]}
        assert result["payload"]["extensions"]["cost"]["requested"] == 0
        assert await client.receive() == {"type": "complete", "id": "q"}
        await client.subscribe("q", 'mutation { create(input: {name: "new"}) { name } }')
        assert (await client.receive())["payload"]["data"] == {"create": {"name": "new"}}
        assert await client.receive() == {"type": "complete", "id": "q"}


async def test_each_subscriber_is_told_until_it_has_heard_enough(live: Served):
    async with socket(live) as first, socket(live) as second:
        for client in (first, second):
            await client.subscribe("1", topic="news")
            await client.subscribe("2", topic="other")
        await settled(live, subscriptions_websocket=4)
        assert await publish(live, "news", "one") == 2
        for client in (first, second):
            told = await client.receive()
            assert told == {
                "id": "1",
                "type": "next",
                "payload": {"data": {"said": {"text": "one"}}},
            }
        await first.send(type="complete", id="1")
        await settled(live, subscriptions_websocket=3)
        assert await publish(live, "news", "two") == 1
        assert (await second.receive())["payload"]["data"] == {"said": {"text": "two"}}
        await first.subscribe("1", topic="news")  # the id is free again
        await settled(live, subscriptions_websocket=4)
        await publish(live, "news", "three")
        assert (await first.receive())["payload"]["data"] == {"said": {"text": "three"}}
    await settled(live, subscriptions_websocket=0, connections_websocket=0)


async def test_a_subscription_goes_on_after_a_cursor(live: Served):
    for text in ("a", "b", "c"):
        await publish(live, "resumed", text)
    async with socket(live) as client:
        await client.subscribe("1", topic="resumed", after="1")
        texts = [(await client.receive())["payload"]["data"]["said"]["text"] for _ in range(2)]
        assert texts == ["b", "c"]


async def test_what_is_not_run_is_an_error_and_nothing_else(live: Served):
    refused = {
        "subscription { nothing }": "GRAPHQL_VALIDATION_FAILED",
        "subscription {": "GRAPHQL_PARSE_FAILED",
        "subscription { a: ticks b: ticks }": "QUERY_TOO_COMPLEX",
        "query ($n: Int!) { echo(number: $n) }": "INVALID",
        'subscription { said(topic: "x") { nothing } }': "GRAPHQL_VALIDATION_FAILED",
        "query A { hello } query B { hello }": "INVALID",
    }
    async with socket(live) as client:
        for query, code in refused.items():
            await client.subscribe("1", query)
            answer = await client.receive()
            assert answer["type"] == "error", query
            assert answer["id"] == "1"
            assert answer["payload"][0]["extensions"]["code"] == code
        await client.subscribe("1", topic="hidden")
        assert (await client.receive())["payload"][0]["extensions"]["code"] == "NOT_FOUND"
        await client.subscribe("1", "{ hello }")
        assert (await client.receive())["type"] == "next"


async def test_defects_are_masked_wherever_they_are(live: Served):
    broken = "subscription ($topic: String!) { said(topic: $topic) { text broken } }"
    async with socket(live) as client:
        await client.subscribe("1", topic="broken")
        error = (await client.receive())["payload"][0]
        assert error["extensions"]["code"] == "INTERNAL"
        await client.subscribe("2", broken, topic="defective")
        await client.subscribe("3", "{ broken hello }")
        assert (await client.receive())["payload"]["data"] == {"broken": None, "hello": "world"}
        await client.receive()
        await publish(live, "defective", "text")
        told = (await client.receive())["payload"]
        assert told["data"] == {"said": {"text": "text", "broken": None}}
        assert told["errors"][0]["extensions"]["requestId"] == error["extensions"]["requestId"]
        assert SECRET not in str(told)


async def test_a_ping_is_answered_with_its_payload(live: Served):
    async with socket(live, token=None) as client:
        await client.send(type="ping", payload={"n": 1})
        assert await client.receive() == {"type": "pong", "payload": {"n": 1}}
        await client.send(type="pong")
        await client.send(type="ping")
        assert await client.receive() == {"type": "pong"}


async def test_the_stream_may_end_by_itself(live: Served):
    async with socket(live) as client:
        await client.subscribe("1", topic="finished")
        assert await client.receive() == {"type": "complete", "id": "1"}
        await settled(live, subscriptions_websocket=0)


async def test_a_query_ends_when_it_is_not_wanted_any_more_and_so_does_a_beginning(live: Served):
    async with socket(live) as client:
        await client.subscribe("1", "{ slow }")
        await client.subscribe("2", topic="slow")
        await settled(live, subscriptions_websocket=1)
        await client.send(type="complete", id="1")
        await client.send(type="complete", id="2")
        await settled(live, subscriptions_websocket=0)
        await client.subscribe("1", "{ hello }")
        assert (await client.receive())["id"] == "1"


async def test_a_mutation_is_done_once_under_the_key_of_its_extensions(live: Served):
    """The toy stores no answers; the test shows that the key is read."""
    async with socket(live) as client:
        query = 'mutation { create(input: {name: "once"}) { name } }'
        payload = {"query": query, "extensions": {"idempotencyKey": 5}}
        await client.send(type="subscribe", id="1", payload=payload)
        error = (await client.receive())["payload"][0]
        assert error["extensions"]["field"] == ["extensions", "idempotencyKey"]


async def test_the_log_tells_of_operations_and_not_of_tokens(live: Served):
    name = "somebody-who-is-not-logged"
    async with socket(live, token=name) as client:
        await client.subscribe("1", "query Logged { hello }")
        await client.receive()
        await client.receive()
    await asyncio.sleep(0.1)
    log = live.log.read_text()
    assert '"transport":"websocket"' in log
    assert name not in log
    assert SAID not in log


async def test_another_protocol_may_be_offered_beside(live: Served):
    offered = [Subprotocol("graphql-ws"), Subprotocol("graphql-transport-ws")]
    async with socket(live, subprotocols=offered) as client:
        assert client.wire.subprotocol == "graphql-transport-ws"
