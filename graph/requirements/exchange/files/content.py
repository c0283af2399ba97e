"""The content of a file: bytes in memory, or those of a temporary file, read in parts."""

import io
import os
import weakref
from collections.abc import Iterator
from typing import IO, overload

PIECE = 1 << 20
"""Bytes that are read at a time."""


class OnDisk:
    """The bytes of a temporary file, which is used like `bytes`, and ends with this."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size
        weakref.finalize(self, file.close)
        self._start, self._window = 0, b""

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> bytes: ...
    def __getitem__(self, at: int | slice) -> int | bytes:
        if isinstance(at, int):
            return self._part(at, at + 1)[0]
        start, stop, _ = at.indices(self._size)
        return self._part(start, stop)

    def find(self, part: bytes, start: int = 0, end: int | None = None) -> int:
        """Return where a part begins first between two places, or -1."""
        end = self._size if end is None else min(end, self._size)
        while start < end:
            piece = self._part(start, min(start + PIECE + len(part), end))
            if (found := piece.find(part)) >= 0:
                return start + found
            start += PIECE
        return -1

    def rfind(self, part: bytes, start: int, end: int) -> int:
        """Return where a part begins last between two places, or -1."""
        while end > start:
            first = max(start, end - PIECE)
            if (found := self._part(first, end).rfind(part)) >= 0:
                return first + found
            end = first + len(part) - 1 if first > start else start
        return -1

    def _part(self, start: int, stop: int) -> bytes:
        """Return the bytes between two places; a short part from a window around it."""
        at, most = start - self._start, len(self._window)
        if at >= 0 and stop - self._start <= most:
            return self._window[at : stop - self._start]
        if stop - start > WINDOW:
            return self._read(start, stop - start)
        self._start = max(0, start - WINDOW // 4)
        self._window = self._read(self._start, 2 * WINDOW)
        return self._window[start - self._start : stop - self._start]

    def _read(self, start: int, size: int) -> bytes:
        parts: list[bytes] = []
        size = min(size, self._size - start)
        while size > 0 and (part := os.pread(self._file.fileno(), size, start)):
            parts.append(part)
            start, size = start + len(part), size - len(part)
        return b"".join(parts)


WINDOW = 1 << 15
"""Bytes around a short part that are read together."""
Content = bytes | OnDisk


class _Opened(io.RawIOBase):
    def __init__(self, content: OnDisk) -> None:
        self._content, self._at = content, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._content)}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        part = self._content[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def opened(content: Content) -> IO[bytes]:
    """Return a content as a file to read."""
    return (
        io.BytesIO(content) if isinstance(content, bytes) else io.BufferedReader(_Opened(content))
    )


def pieces(content: Content, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield the bytes between two places, a piece at a time."""
    end = len(content) if end is None else end
    for at in range(start, end, PIECE):
        yield content[at : min(at + PIECE, end)]
