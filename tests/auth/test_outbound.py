"""Requests to addresses that users give reach public servers only, whatever names resolve to."""

import asyncio
import json
import ssl
from functools import partial
from ipaddress import ip_address, ip_network

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from auth.outbound import Outbound, UnreachableError, is_public
from db.problem import Problem
from tests.certificates import certificate_of
from tests.serving import served

HERE = (ip_network("127.0.0.0/8"),)
INSIDE = [
    *("127.0.0.1", "10.1.2.3", "172.31.255.255", "192.168.0.1", "169.254.169.254", "0.0.0.0"),
    *("100.64.0.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::1", "::", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "64:ff9b::808:808", "64:ff9b:1::1"),
    *("fe80::1", "fc00::1", "fec0::1", "ff02::1", "2002:7f00:1::", "2001:0:7f00:1::", "::7f00:1"),
    *("2001:db8::1", "3fff::1", "100::1"),
]


def names(**addresses: list[str]):
    """Return a resolver of these names, with an underscore for a dot."""

    async def resolve(host: str, _: int) -> list[str]:
        found = addresses.get(host.replace(".", "_").replace(":", "_"))
        if found is None:
            raise OSError("no such name")
        return found

    return resolve


def test_special_addresses_are_not_public():
    assert [text for text in INSIDE if is_public(ip_address(text))] == []
    for text in ("8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111"):
        assert is_public(ip_address(text))


async def test_names_that_resolve_to_the_inside_are_refused_alike():
    outbound = Outbound(
        resolve=names(
            inside_example=["10.0.0.1"], both_example=["8.8.8.8", "127.0.0.1"], none_example=[]
        )
    )
    messages = set()
    for url in (
        "https://inside.example/",
        "https://both.example/",
        "https://none.example/",
        "https://unknown.example/",
        "http://public.example/",
        "https://user:secret@public.example/",
        "https://public.example:22/",
        "ftp://public.example/",
        "file:///etc/passwd",
        "https://",
        "https://[::1",
        "https://a\x00b.example/",
        "nonsense",
    ):
        with pytest.raises(Problem) as refused:
            await outbound.fetch("GET", url, field=["input", "url"])
        assert (refused.value.code, refused.value.field) == ("INVALID", ("input", "url"))
        messages.add(refused.value.message)
    assert len(messages) == 1


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:7f00:1]"])
async def test_other_ways_to_write_this_machine_are_refused(host):
    with pytest.raises(Problem):
        await Outbound().require_public(f"https://{host}/")


def site(url: str) -> Starlette:
    async def shown(request):
        headers = {name: request.headers.get(name) for name in ("host", "authorization")}
        return JSONResponse({"method": request.method, **headers})

    async def slow(_):
        await asyncio.sleep(1)
        return Response()

    other = url.replace("127.0.0.1", "other.example")
    return Starlette(
        routes=[
            Route("/shown", shown, methods=["GET", "POST"]),
            Route("/large", lambda _: Response(b"a" * 2_000_000)),
            Route("/slow", slow),
            Route("/loop", lambda _: RedirectResponse("/loop")),
            Route("/on", lambda _: RedirectResponse("/shown", 303), methods=["POST"]),
            Route("/away", lambda _: RedirectResponse(f"{other}/shown")),
            Route("/inside", lambda _: RedirectResponse("http://inside.example:8000/")),
        ]
    )


@pytest.mark.slow
async def test_answers_are_bounded_and_redirects_are_checked():
    resolve = names(
        hooks_example=["127.0.0.1"], other_example=["127.0.0.1"], inside_example=["10.0.0.1"]
    )
    outbound = Outbound(HERE, insecure=True, resolve=resolve)
    async with served(site) as address:
        base = address.replace("127.0.0.1", "hooks.example")
        port = address.rpartition(":")[2]
        token = {"Authorization": "Bearer secret"}
        for path, expected in (
            ("/shown", ["POST", f"hooks.example:{port}", "Bearer secret"]),
            ("/on", ["GET", f"hooks.example:{port}", "Bearer secret"]),
        ):
            answer = await outbound.fetch("POST", base + path, headers=token, content=b"{}")
            assert answer.status == 200
            body = json.loads(answer.body)
            assert list(body.values()) == expected
        away = await outbound.fetch("GET", f"{base}/away", headers=token)
        assert b'"authorization":null' in away.body
        assert b"other.example" in away.body
        with pytest.raises(Problem):
            await outbound.fetch("GET", f"{base}/inside")
        for path, reason in (("/large", "more than 1000000 bytes"), ("/loop", "3 redirects")):
            with pytest.raises(UnreachableError, match=reason):
                await outbound.fetch("GET", base + path)
        hasty = Outbound(HERE, insecure=True, resolve=resolve, seconds=0.2)
        with pytest.raises(UnreachableError, match="No answer within"):
            await hasty.fetch("GET", f"{base}/slow")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return the paths of a certificate of hooks.example, and of its key."""
    return certificate_of(tmp_path_factory.mktemp("tls"), "hooks.example")


async def test_the_certificate_is_that_of_the_name_although_the_connection_is_pinned(certificate):
    pem, key = certificate
    trust = ssl.create_default_context(cafile=pem)
    resolve = names(hooks_example=["127.0.0.1"], other_example=["127.0.0.1"])
    outbound = Outbound(HERE, resolve=resolve, trust=trust)
    config = partial(uvicorn.Config, ssl_certfile=pem, ssl_keyfile=key)
    async with served(site, config) as address:
        port = address.rpartition(":")[2]
        answer = await outbound.fetch("GET", f"https://hooks.example:{port}/shown")
        assert answer.status == 200
        with pytest.raises(UnreachableError, match="ConnectError"):
            await outbound.fetch("GET", f"https://other.example:{port}/shown")


async def test_a_line_follows_no_redirect_and_reads_the_beginning_of_an_answer():
    outbound = Outbound(HERE, insecure=True, resolve=names(hooks_example=["127.0.0.1"]))
    requests = []

    def counting(url: str) -> Starlette:
        async def shown(request):
            requests.append((request.client.port, request.headers["host"], await request.body()))
            return Response(b"a" * 2_000_000)

        on = RedirectResponse("/shown", 307)
        return Starlette(
            routes=[
                Route("/shown", shown, methods=["POST"]),
                Route("/on", lambda _: on, methods=["POST"]),
            ]
        )

    async with served(counting) as address:
        base = address.replace("127.0.0.1", "hooks.example")
        host = base.removeprefix("http://")
        moved = outbound.line(f"{base}/on", connections=1)
        assert (await moved.post({}, b"{}")).status == 307
        assert (await moved.post({}, b"{}")).status == 307
        await moved.close()
        assert requests == []
        line = outbound.line(f"{base}/shown", connections=1)
        answer = await line.post({}, b"{}")
        assert len(answer.body) == 1_000_000, "the beginning of a long answer"
        assert requests[0][1:] == (host, b"{}")
        await line.close()
    inside = Outbound(HERE, insecure=True, resolve=names(hooks_example=["10.0.0.1"]))
    with pytest.raises(Problem):
        await inside.line(f"{base}/shown", connections=1).post({}, b"{}")
