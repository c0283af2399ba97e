"""A real server process: stalled clients, malformed requests, large bodies, and its own end."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tests.http.conftest import Served, ended, serving
from tests.loop import within

pytestmark = pytest.mark.processes

HEAD = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = b'{"query": "{ hello }"}'
GOOD = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.fixture(scope="module", autouse=True)
def ending(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Served]]:
    """Yield two servers to be ended; they start while other tests run."""
    folders = [tmp_path_factory.mktemp("ending") for _ in range(2)]
    with (
        serving(folders[0], drain_delay=2, metrics_token="scraper") as first,
        serving(folders[1], drain_delay=60, drain_timeout=1, metrics_token="scraper") as second,
    ):
        yield [first, second]


async def exchange(served: Served, *parts: bytes, patience: float = 15) -> bytes:
    """Send these bytes; return the server's answer until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    received = bytearray()

    async def read() -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(1 << 16):
                received.extend(chunk)

    async def write() -> None:
        with suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.05)

    try:
        async with asyncio.timeout(patience):
            await asyncio.gather(read(), write())
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return bytes(received)


STALLED = {
    "silence": (),
    "half of a head": (HEAD[:20],),
    "a head without an end": (HEAD, b"X-More: 1\r\n"),
    "a body without an end": (HEAD + b"Content-Length: 1000\r\n\r\n", b"{"),
    "chunks without an end": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n"),
    "no second request": (GOOD, b"\r\n"),
    "half of a second request": (GOOD, HEAD[:20]),
}


async def test_clients_that_stall_are_cut_off(served):
    """The server gives a second; without a deadline these connections would stay open."""
    received = await asyncio.gather(*(exchange(served, *parts) for parts in STALLED.values()))
    for name, answer in zip(STALLED, received, strict=True):
        answers = answer.count(b"HTTP/1.1")
        assert answers == ("second request" in name), name


async def test_a_client_that_does_not_read_is_cut_off(served):
    texts = b" ".join(b"a%d: text(size: 900000)" % n for n in range(16))
    large = b'{"query": "{ ' + texts + b' }"}'
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1)
    writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(large) + large)
    await writer.drain()
    await asyncio.sleep(1.5)
    received = 0
    with suppress(ConnectionError):
        while chunk := await reader.read(1 << 20):
            received += len(chunk)
    assert 100_000 < received < 14_000_000
    writer.close()


async def test_a_client_that_reads_slowly_gets_all_of_its_answer(served):
    """Half a megabyte a second is slow, and slower than the deadline for a stall allows at once."""
    large = b'{"query": "{ a: text(size: 900000) b: text(size: 900000) }"}'
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(large) + large)
    await writer.drain()
    received = 0
    while chunk := await reader.read(100_000):
        received += len(chunk)
        await asyncio.sleep(0.05)
    assert received > 1_800_000
    writer.close()


async def test_a_query_whose_client_has_gone_is_ended(served):
    body = b'{"query": "query Abandoned { slow }"}'
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(HEAD + b"X-Request-Id: abandoned\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
    await asyncio.sleep(0.1)
    assert "abandoned" not in served.log.read_text()
    writer.close()
    async with within(15):
        while "abandoned" not in served.log.read_text():  # noqa: ASYNC110 (a log tells nobody)
            await asyncio.sleep(0.05)
    lines = [line for line in served.log.read_text().splitlines() if "abandoned" in line]
    assert len(lines) == 1
    assert '"status":499' in lines[0]


async def test_a_head_without_bounds_is_cut_off(served):
    flood = [b"X-More: " + b"x" * 8000 + b"\r\n"] * 20
    assert b"200" not in await exchange(served, HEAD, *flood)


@pytest.mark.parametrize(
    "request_",
    [
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}{}{}",
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: +5\r\n\r\n{}{}{}",
        b"GET /graphql HTTP/1.1\nHost: localhost\n\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
async def test_a_request_that_can_be_read_in_two_ways_is_refused(served, request_):
    answer = await exchange(served, request_)
    assert answer.startswith(b"HTTP/1.1 400") or not answer
    assert answer.count(b"HTTP/1.1") <= 1


async def test_a_body_that_is_too_large_is_refused(served):
    async def chunks(count: int):
        for _ in range(count):
            yield b" " * 100_000

    json = {"content-type": "application/json"}
    async with httpx.AsyncClient(base_url=served.url, headers=json) as client:
        for content in (b" " * 2_000_000, chunks(15), b" " * 1_000_001):
            response = await client.post("/graphql", content=content)
            assert response.status_code == 413
            assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
        fits = BODY + b" " * (1_000_000 - len(BODY))
        assert (await client.post("/graphql", content=fits)).status_code == 200


async def test_a_body_far_too_large_is_not_even_read(served):
    answer = await exchange(served, HEAD + b"Content-Length: 99999999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")
    endless = [b"%x\r\n" % 500_000 + b"x" * 500_000 + b"\r\n"] * 12
    answer = await exchange(served, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *endless)
    assert answer.startswith(b"HTTP/1.1 413") or not answer


async def test_an_answer_that_is_written_at_once_has_the_headers_of_every_other(served):
    last = GOOD.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    received = await exchange(served, GOOD + GOOD, last)  # two in one packet, and one that ends
    answers = received.split(b"HTTP/1.1 200 OK\r\n")[1:]
    heads = [answer.split(b"\r\n\r\n")[0].split(b"\r\n") for answer in answers]
    names = [sorted(line.split(b":")[0] for line in head) for head in heads]
    assert names[0] == names[1] == sorted({*names[2]} - {b"connection"})
    bodies = {answer.split(b"\r\n\r\n")[1] for answer in answers}
    assert len(answers) == 3
    assert len(bodies) == 1


async def test_the_server_answers_on_after_all_that(served):
    async with httpx.AsyncClient(base_url=served.url) as client:
        responses = [await client.post("/graphql", json={"query": "{ hello }"}) for _ in range(3)]
        assert [response.json()["data"] for response in responses] == [{"hello": "world"}] * 3
    assert "Traceback" not in served.log.read_text()


async def test_a_stop_lets_requests_finish(ending):
    """Requests in flight are answered, /readyz says no, the port is closed, all within 7 s."""
    served = ending[0]
    async with within(7), httpx.AsyncClient(base_url=served.url, timeout=10) as client:
        assert (await client.get("/readyz")).status_code == 200
        query = {"query": "{ slow(seconds: 3) }"}  # longer than the delay
        slow = [asyncio.create_task(client.post("/graphql", json=query)) for _ in range(10)]
        await in_flight(client, 10)
        served.process.send_signal(signal.SIGTERM)
        draining = await answers(client, 503)
        assert draining.json() == {"status": "not ready", "reason": "draining"}
        assert (await client.get("/healthz")).status_code == 200
        taken = await client.post("/graphql", json={"query": "{ hello }"})
        assert taken.json()["data"] == {"hello": "world"}
        finished = [(await task).json() for task in slow]
        await ended(served)
        assert [answer["data"] for answer in finished] == [{"slow": "done"}] * 10
    async with httpx.AsyncClient(base_url=served.url) as late:
        with pytest.raises(httpx.ConnectError):
            await late.get("/healthz")
    assert served.process.returncode in (0, -signal.SIGTERM)


async def in_flight(client: httpx.AsyncClient, number: int) -> None:
    """Wait until the server runs this many operations."""
    token = {"authorization": "Bearer scraper"}
    async with within(15):
        running = f"gateway_graphql_in_flight {number}.0"
        while running not in (await client.get("/metrics", headers=token)).text:
            pass


async def answers(client: httpx.AsyncClient, status: int) -> httpx.Response:
    """Wait until /readyz answers with this status, and return the answer."""
    async with within(15):
        while (answer := await client.get("/readyz")).status_code != status:
            pass
    return answer


async def test_a_second_signal_stops_at_once_and_nothing_is_waited_for_for_ever(ending):
    served = ending[1]
    async with httpx.AsyncClient(base_url=served.url, timeout=10) as client:
        hanging = asyncio.create_task(client.post("/graphql", json={"query": "{ slow }"}))
        await in_flight(client, 1)
        served.process.send_signal(signal.SIGTERM)
        await answers(client, 503)
        served.process.send_signal(signal.SIGTERM)
        async with within(5):
            await ended(served)
        with suppress(httpx.HTTPError):
            await hanging
