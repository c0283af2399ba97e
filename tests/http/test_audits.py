"""GraphQL over HTTP, as the audits of the `graphql-http` package see the gateway, in Node.js."""

import asyncio
import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from graph.settings import Settings
from tests.forked import Forked, serving
from tests.nodejs import NODE, installed
from tests.world import World

pytestmark = pytest.mark.processes


@pytest.fixture
def gateway(settings: Settings) -> Iterator[str]:
    """Yield the address of `gateway serve`, in a process of its own."""
    with serving(settings) as (process, url):
        until_ready(url, process)
        yield url


def until_ready(url: str, process: Forked) -> None:
    """Wait for the first answer of a server that starts."""
    for _ in range(300):
        assert process.poll() is None, "the gateway has ended"
        try:
            if httpx.get(f"{url}/readyz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail("the gateway does not become ready")


async def test_every_audit_is_passed(gateway: str, world: World):
    authorization = f"Bearer {await world.token('owner')}"
    run = [installed(), "audits.mjs", f"{gateway}/graphql", authorization]
    done = await asyncio.to_thread(subprocess.check_output, run, cwd=NODE, timeout=60)
    results = json.loads(done)
    assert [audit for audit in results if audit["status"] != "ok"] == []
    levels = Counter(audit["name"].split()[0] for audit in results)
    assert levels == {"MUST": 13, "SHOULD": 23, "MAY": 25}
