"""Parts of a file that wait on disk, so that a large one takes little memory."""

import tempfile
import weakref
from collections.abc import Iterable
from typing import IO

from graph.requirements.exchange.files.content import Content, OnDisk

IN_MEMORY = 1_000_000
"""Bytes up to which nothing is written to disk."""


def temporary() -> IO[bytes]:
    """Return a new file on disk with a name, which is removed when it is closed."""
    return tempfile.NamedTemporaryFile()


class Spill:
    """Pieces of bytes in a temporary file, which ends with the last reference to it."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 (closed with this)
        weakref.finalize(self, self._file.close)
        self._end = 0

    def add(self, piece: bytes) -> tuple[int, int]:
        """Write a piece; return its place."""
        place = (self._end, len(piece))
        self._file.seek(self._end)
        self._file.write(piece)
        self._end += len(piece)
        return place

    def piece(self, place: tuple[int, int]) -> bytes:
        """Return the piece at a place."""
        start, size = place
        self._file.seek(start)
        return self._file.read(size)


def content_of(parts: Iterable[bytes]) -> Content:
    """Return parts as one content, which is on disk if it is large."""
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 (closed below, or with OnDisk)
    try:
        size = sum(map(file.write, parts))
    except BaseException:
        file.close()
        raise
    if size <= IN_MEMORY:
        with file:
            file.seek(0)
            return file.read()
    file.rollover()
    file.flush()
    return OnDisk(file, size)
