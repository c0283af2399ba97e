"""Run the extraction of a text in a process of its own, with limits of memory and time."""

import asyncio
import contextlib
import sys
from pathlib import Path

import orjson

from graph.compliance.extraction.child import UnreadableError

ROOT = Path(__file__).parents[3]
"""The folder from which the process imports; it gets no other part of the environment."""
MEMORY = 1_000_000_000
"""Bytes of memory of a process."""
SECONDS = 30
"""Seconds of CPU time; in wall time it may take twice as long."""


async def extract(
    media_type: str, content: bytes, *, memory: int = MEMORY, seconds: int = SECONDS
) -> list[str]:
    """Return the pages of a document. Raises UnreadableError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "graph.compliance.extraction.child",
        media_type,
        str(memory),
        str(seconds),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": str(ROOT)},
    )
    try:
        async with asyncio.timeout(2 * seconds):
            output, _ = await process.communicate(content)
    except TimeoutError:
        output = b""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0 or not output:
        raise UnreadableError("The document takes too long to be read, or too much memory.")
    answer = orjson.loads(output)
    if fault := answer.get("fault"):
        raise UnreadableError(fault)
    pages: list[str] = answer["pages"]
    return pages
