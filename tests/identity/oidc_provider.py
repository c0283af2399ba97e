"""oidc-provider, an identity provider that others wrote, as a process of its own."""

import asyncio
import json
import os
import signal
from subprocess import PIPE

import pytest

from tests.nodejs import NODE, installed


@pytest.fixture
async def start():
    """Yield a function that starts oidc-provider, and returns its issuer."""
    processes = []

    async def start(**told) -> str:
        process = await asyncio.create_subprocess_exec(
            *(installed(), "provider.mjs", json.dumps(told)),
            cwd=NODE,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        )
        processes.append(process)
        async with asyncio.timeout(60):
            return json.loads(await process.stdout.readline())["issuer"]

    yield start
    for process in processes:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
