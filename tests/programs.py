"""Programs that a test starts and answers, line by line, while it serves them itself."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from subprocess import PIPE

import pytest

Hear = Callable[[str], Awaitable[str | None]]
"""Hears a line that the program says; what it gives back is the program's next line of input."""

SECONDS = 60
"""That a program may take."""


async def converse(
    command: Sequence[str], hear: Hear, *, cwd: Path, env: Mapping[str, str] | None = None
) -> str:
    """All that the program has said. AssertionError, with its complaints, when it fails."""
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
