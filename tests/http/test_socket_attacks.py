"""Attacks on the WebSocket: its opening, its messages, and its duration."""

import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from graph.http.stream.socket import NOTHING_SHOWN
from tests.http.conftest import Served, serving
from tests.http.connected import post, publish, settled, socket
from tests.loop import within

pytestmark = pytest.mark.processes

BAD_MESSAGES = [
    "",
    "{",
    "[]",
    "1",
    "null",
    '"text"',
    "{}",
    '{"type": []}',
    '{"type": "unknown"}',
    '{"type": "connection_init", "payload": []}',
    '{"type": "connection_init", "payload": {"authorization": 1}}',
    '{"type": "ping", "payload": 1}',
    '{"type": "complete"}',
    '{"type": "complete", "id": 1}',
    '{"type": "subscribe", "payload": {"query": "{ hello }"}}',
    '{"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}}',
    '{"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}}',
    '{"type": "subscribe", "id": "' + "x" * 300 + '", "payload": {"query": "{ hello }"}}',
    '{"type": "ping", "payload": {"x": NaN}}',
    '{"type": "ping", "payload": ' + '{"x":' * 200 + "1" + "}" * 201,
    '{"type": "ping", "payload": {"x": "\\ud800"}}',
    b"\x00\x01",
]
BAD_REQUESTS = [
    '{"type": "subscribe", "id": "1"}',
    '{"type": "subscribe", "id": "1", "payload": []}',
    '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": []}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "operationName": 5}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "extensions": 1}}',
]


async def test_silence_is_not_waited_for(live: Served):
    started = time.monotonic()
    async with within(4), socket(live, token=None) as client:  # by default it is five seconds
        assert await client.closed() == (4408, "Connection initialisation timeout")
    assert time.monotonic() - started > 0.9


async def test_nothing_is_run_before_somebody_is_known(live: Served):
    for message in ({"type": "subscribe", "payload": {"query": "{ hello }"}}, {"type": "complete"}):
        async with socket(live, token=None) as client:
            await client.send(id="1", **message)
            assert await client.closed() == (4401, "Unauthorized")


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"authorization": "Bearer expired"}, 4403),
        ({"Authorization": "Bearer expired"}, 4403),
        ({}, 4403),
        (None, 4403),
        ({"authorization": "Bearer busy"}, 1013),
    ],
)
async def test_whoever_shows_no_good_token_is_sent_away(live: Served, payload, code):
    async with socket(live, token=None) as client:
        await client.send(type="connection_init", payload=payload)
        assert (await client.closed())[0] == code


@pytest.mark.parametrize(
    "payload",
    [
        {"headers": {"Authorization": "Bearer good"}},
        {"headers": {"authorization": "Bearer expired"}, "authorization": "Bearer good"},
        {"authToken": "good"},
        {"authToken": "Bearer good"},
        {"AUTHORIZATION": "Bearer good", "headers": None},
    ],
)
async def test_a_credential_is_read_wherever_clients_have_it(live: Served, payload):
    async with socket(live, token=None) as client:
        await client.send(type="connection_init", payload=payload)
        assert await client.receive() == {"type": "connection_ack"}


@pytest.mark.parametrize(
    ("payload", "closed"),
    [
        (None, (4403, NOTHING_SHOWN)),
        ({"token": "good"}, (4403, NOTHING_SHOWN)),
        ({"headers": {"cookie": "gateway=somebody"}}, (4403, NOTHING_SHOWN)),
        (
            {"headers": {"Authorization": 7}},
            (4400, "`authorization` is a string of ASCII characters."),
        ),
        ({"headers": "Bearer good"}, (4400, "`headers` is an object.")),
        ({"authToken": "expired"}, (4403, "The access token is invalid, expired or revoked.")),
    ],
)
async def test_whoever_shows_none_is_told_what_is_missing(live: Served, payload, closed):
    async with socket(live, token=None) as client:
        await client.send(type="connection_init", payload=payload)
        assert await client.closed() == closed


async def test_a_second_beginning_is_one_too_many(live: Served):
    async with socket(live) as client:
        await client.send(type="connection_init")
        assert await client.closed() == (4429, "Too many initialisation requests")


async def test_the_old_protocol_is_refused_in_a_way_that_its_clients_see(live: Served):
    async with socket(live, token=None, subprotocols=[Subprotocol("graphql-ws")]) as client:
        assert client.wire.subprotocol == "graphql-ws"
        assert await client.closed() == (4406, "Subprotocol not acceptable")
    async with socket(live, token=None, subprotocols=None) as client:
        assert (await client.closed())[0] == 4406


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "x"])
async def test_pages_of_other_sites_open_no_socket(live: Served, origin):
    with pytest.raises(InvalidStatus) as refused:
        async with socket(live, token=None, origin=origin):
            pass
    assert refused.value.response.status_code == 403
    assert b"FORBIDDEN" in refused.value.response.body


async def test_a_cookie_counts_only_on_pages_that_are_trusted(live: Served):
    cookie = {"Cookie": "gateway=somebody"}
    own = f"http://127.0.0.1:{live.port}"
    for origin in ("https://app.example", own):
        async with socket(live, token=None, origin=origin, additional_headers=cookie) as client:
            await client.send(type="connection_init")
            assert await client.receive() == {"type": "connection_ack"}
    async with socket(live, token=None, additional_headers=cookie) as client:
        await client.send(type="connection_init")
        assert await client.closed() == (4403, NOTHING_SHOWN)


async def test_a_token_shown_in_the_handshake_is_taken_and_that_of_the_message_wins(live: Served):
    header = {"Authorization": "Bearer good"}
    async with socket(live, token=None, additional_headers=header) as client:
        await client.send(type="connection_init")
        assert await client.receive() == {"type": "connection_ack"}
    async with socket(live, token=None, additional_headers=header) as client:
        await client.send(type="connection_init", payload={"authorization": "Bearer expired"})
        assert (await client.closed())[0] == 4403


@pytest.mark.parametrize("message", BAD_MESSAGES, ids=lambda message: str(message)[:50])
async def test_a_malformed_message_closes_the_connection(live: Served, message):
    async with socket(live, token=None) as client:
        await client.wire.send(message)
        assert (await client.closed())[0] == 4400


@pytest.mark.parametrize("message", BAD_REQUESTS)
async def test_a_malformed_request_closes_the_connection(live: Served, message):
    async with socket(live) as client:
        await client.wire.send(message)
        assert (await client.closed())[0] == 4400


json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
TYPES = ["connection_init", "connection_ack", "subscribe", "next", "complete", "ping", "pong", ""]
messages = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES) | json},
    optional={
        "id": st.sampled_from(["1", "2"]) | json,
        "payload": st.fixed_dictionaries(
            {"query": st.sampled_from(["{ hello }", "{", "subscription { ticks }"]) | json},
            optional={"variables": json, "operationName": json, "extensions": json},
        )
        | json,
    },
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sent=st.lists(messages, min_size=1, max_size=8))
async def test_whatever_is_sent_is_answered_or_closes_the_connection(live: Served, sent):
    async with socket(live) as client:
        with suppress(ConnectionClosed):
            for message in sent:
                await client.send(**message)
            await client.send(type="ping", payload={"last": True})
            while (await client.receive()) != {"type": "pong", "payload": {"last": True}}:
                pass
            return
        assert (await client.closed())[0] in (4400, 4409, 4429)


async def test_an_id_is_used_once_at_a_time(live: Served):
    async with socket(live) as client:
        await client.subscribe("1", topic="twice")
        await client.subscribe("1", topic="twice")
        assert await client.closed() == (4409, "Subscriber for 1 already exists")
    await settled(live, subscriptions_websocket=0, connections_websocket=0)


async def test_a_closing_reason_has_as_many_bytes_as_fit(live: Served):
    async with socket(live) as client:
        for _ in range(2):
            await client.subscribe("\N{GRINNING FACE}" * 64, topic="twice")
        code, reason = await client.closed()
    assert code == 4409
    assert reason.startswith("Subscriber for \N{GRINNING FACE}")
    assert 120 <= len(reason.encode()) <= 123
    await settled(live, subscriptions_websocket=0, connections_websocket=0)


async def test_a_connection_holds_a_few_subscriptions(live: Served):
    async with socket(live) as client:
        for n in range(30):
            await client.subscribe(str(n), topic="many")
        refused = [await client.receive() for _ in range(25)]
        errors = [message["payload"][0]["extensions"] for message in refused]
        assert {message["type"] for message in refused} == {"error"}
        assert {(error["code"], error["maximum"]) for error in errors} == {("RATE_LIMITED", 5)}
        assert await publish(live, "many", "text") == 5
    await settled(live, subscriptions_websocket=0)


async def test_a_person_and_an_address_have_so_many_and_a_process_too(tmp_path):
    limits = {
        "live_subscriptions_per_person": 2,
        "live_subscriptions": 3,
        "live_connections_per_address": 3,
    }
    with serving(tmp_path, **limits) as served:
        async with socket(served) as one, socket(served) as two, socket(served, "other") as three:
            await one.subscribe("1", topic="t")
            await two.subscribe("1", topic="t")
            await settled(served, subscriptions_websocket=2)
            await two.subscribe("2", topic="t")
            assert (await two.receive())["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
            await three.subscribe("1", topic="t")
            await settled(served, subscriptions_websocket=3)
            await three.subscribe("2", topic="t")
            assert (await three.receive())["payload"][0]["extensions"]["code"] == "BUSY"
            with pytest.raises(InvalidStatus) as refused:
                async with socket(served, token=None):
                    pass
            assert refused.value.response.status_code == 429
            assert refused.value.response.headers["Retry-After"] == "5"
        await settled(served, connections_websocket=0)
        async with socket(served):
            pass


async def test_a_token_ends_its_connection_when_it_expires(live: Served):
    async with socket(live, "short") as client:
        await client.subscribe("1", topic="short")
        async with within(5):
            assert await client.closed() == (4401, "Token expired")
    await settled(live, subscriptions_websocket=0)


async def test_whoever_is_revoked_is_sent_away_and_others_stay(live: Served):
    async with socket(live, "revoked") as revoked, socket(live, "other") as other:
        await revoked.subscribe("1", topic="kept")
        await other.subscribe("1", topic="kept")
        await settled(live, subscriptions_websocket=2)
        await post(live, 'mutation { revoke(name: "revoked") }')
        assert await revoked.closed() == (4403, "Revoked.")
        assert await publish(live, "kept", "text") == 1
        assert (await other.receive())["type"] == "next"


async def test_after_all_that_nothing_is_left_behind(live: Served):
    await settled(live, subscriptions_websocket=0, connections_websocket=0)
    assert "Traceback" not in live.log.read_text()
