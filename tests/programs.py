"""Programs that a test starts, and whose lines it answers."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from subprocess import PIPE

import pytest

Hear = Callable[[str], Awaitable[str | None]]
"""Takes a line of the program's output; returns the next line of its input."""

SECONDS = 240
"""The most seconds for a program."""


async def converse(
    command: Sequence[str], hear: Hear, *, cwd: Path, env: Mapping[str, str] | None = None
) -> str:
    """Return the program's output. Raises AssertionError with its stderr when it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,  # so that it can be ended with what it has started
    )
    given, taken, complaints = process.stdin, process.stdout, process.stderr
    assert given is not None
    assert taken is not None
    assert complaints is not None
    said = []
    try:
        async with asyncio.timeout(SECONDS):
            async for line in taken:
                said.append(line.decode())
                if reply := await hear(line.decode().rstrip("\n")):
                    given.write(f"{reply}\n".encode())
            complaint = (await complaints.read()).decode()
            assert await process.wait() == 0, "".join([*said, complaint])
    except TimeoutError:
        pytest.fail("".join(["It does not end. It has said:\n", *said]))
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return "".join(said)
