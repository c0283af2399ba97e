"""The nginx of the cluster, before two nodes: sockets and streams of events pass through it."""

import asyncio
import re
import shutil
import socket as sockets
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import AsyncExitStack
from functools import partial
from urllib.parse import urlencode

import httpx
import pytest

from auth.oauth.authorize import MAX_QUERY_LENGTH
from auth.oauth.clients import EXPLORER
from graph.app import create_app
from graph.http.server.config import Config
from tests.http.conftest import ROOT
from tests.http.connected import events
from tests.live.following import FOLLOW, rename
from tests.live.tabs import answering, tab
from tests.serving import served

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
async def balanced(settings, tmp_path_factory):
    """Yield the address of nginx, as it is configured for the cluster but for the addresses."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    config = partial(Config, settings=settings)
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(served(lambda _: create_app(settings), config))
            for _ in range(2)
        ]
        with sockets.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        folder = tmp_path_factory.mktemp("nginx")
        text = (ROOT / "nginx.conf").read_text()
        for name, node in zip(
            ("gateway", "gateway-2", "gateway-3"), (*nodes, nodes[0]), strict=True
        ):
            text = text.replace(f"server {name}:8000", f"server {node.removeprefix('http://')}")
        text = text.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("/tmp", str(folder))
        assert not re.search(r"gateway(-\d)?:8000|listen 8080", text)
        (folder / "nginx.conf").write_text(text)
        command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        check = await asyncio.create_subprocess_exec(*command, "-t", stderr=PIPE)
        _, complaint = await check.communicate()
        assert check.returncode == 0, complaint
        process = await asyncio.create_subprocess_exec(
            *command, "-g", "daemon off;", stderr=DEVNULL
        )
        url = f"http://127.0.0.1:{port}"
        try:
            await answering(url)
            yield url
        finally:
            process.terminate()
            await process.wait()


async def test_sockets_and_streams_pass_through_as_they_come(balanced, world):
    headers = {"authorization": f"Bearer {await world.token('viewer')}"}
    variables = {"id": str(world.document)}
    async with (
        tab(balanced, world, "editor") as one,
        tab(balanced, world, "owner") as other,
        events(balanced, FOLLOW, headers=headers, **variables) as stream,
    ):
        await one.sees(one, other)
        await other.sees(one, other)
        assert (await stream.result())["data"]["documentChanged"]["kind"] == "READY"
        await rename(world, "Through nginx", 1)
        told = (await stream.result())["data"]["documentChanged"]
        assert told["entity"]["name"] == "Through nginx"


async def test_measurements_are_not_shown_outside(balanced):
    async with httpx.AsyncClient(base_url=balanced) as client:
        assert (await client.get("/metrics")).status_code == 404
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("sign", ["é", "/", "x"])
async def test_a_request_of_an_application_passes_at_its_longest(balanced, settings, sign):
    """The gateway's answer repeats it, quoted twice, in the address where people sign in."""
    question = {
        "client_id": EXPLORER,
        "redirect_uri": f"{settings.url}/explorer/callback",
        "response_type": "code",
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
        "state": "",
    }
    room = MAX_QUERY_LENGTH - len(urlencode(question))
    question["state"] = sign * (room // len(urlencode({"": sign})[1:]))
    async with httpx.AsyncClient(base_url=balanced) as client:
        asked = await client.get("/oauth/authorize", params=question)
        assert asked.status_code == 303
        assert len(asked.headers["location"]) > MAX_QUERY_LENGTH
        page = await client.get(asked.headers["location"])
        assert (page.status_code, "Sign in" in page.text) == (200, True)
