"""The input of a bulk mutation: the lines of a stored file, read piece by piece."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from graph.kit.storage import Storage, Stored
from graph.platform.jobs.run import JobFailed

PIECE = 2**20
"""Bytes that are read at once."""
MAX_LINE = 1_000_000
"""Bytes of a line, at most."""


@dataclass(frozen=True)
class Line:
    """A line that is not blank: its number, starting at 1, and the place after it, in bytes."""

    number: int
    content: bytes
    end: int


async def lines(
    storage: Storage, stored: Stored, size: int, start: int = 0, number: int = 0
) -> AsyncIterator[Line]:
    """Yield the lines of a file of `size` bytes from a place, after so many lines before it.

    Raises JobFailed for a line that is too long.
    """
    left, at = b"", start
    while at < size:
        piece = await storage.read_range(stored, at, min(PIECE, size - at))
        if not piece:
            raise JobFailed("The content of the file is shorter than expected.")
        begun = at - len(left)
        at += len(piece)
        *whole, left = (left + piece).split(b"\n")
        for content in whole:
            number += 1
            begun += len(content) + 1
            if content.strip():
                yield _line(number, content, begun)
        if len(left) > MAX_LINE:
            raise _too_long(number + 1)
    if left.strip():
        yield _line(number + 1, left, size)


def _line(number: int, content: bytes, end: int) -> Line:
    if len(content) > MAX_LINE:
        raise _too_long(number)
    return Line(number, content.strip(), end)


def _too_long(number: int) -> JobFailed:
    return JobFailed(f"Line {number} has more than {MAX_LINE:,} bytes.")
