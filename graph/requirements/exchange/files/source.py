"""A file that is imported: read once it is known to be a readable file of an acceptable size."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from graph.requirements.exchange.files.content import Content, opened
from graph.requirements.exchange.model.draft import Limits, refused


@dataclass(frozen=True)
class Source:
    """The content of a file, and its name for messages and titles."""

    name: str
    content: Content

    @property
    def data(self) -> bytes:
        """Return the content in memory."""
        return self.content if isinstance(self.content, bytes) else self.content[:]

    def begins(self, *marks: bytes) -> bool:
        """Return whether the content begins with one of these bytes."""
        return any(self.content[: len(mark)] == mark for mark in marks)

    def opened(self) -> IO[bytes]:
        """Return the content as a file, without a copy."""
        return opened(self.content)

    @property
    def stem(self) -> str:
        """Return the name without its ending."""
        return Path(self.name).stem


def load(path: Path, limits: Limits) -> Source:
    """Return the file's bytes. Raises INVALID with the reason why it cannot be read.

    The size is checked before anything is read, and no more than the limit is read even if the file
    grows meanwhile. Pipes and devices are refused, because reading one may never end.
    """
    name = path.name
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise refused(name, "this is a directory, not a file.")
        if not stat.S_ISREG(found.st_mode):
            raise refused(name, "this is not an ordinary file.")
        if found.st_size > limits.size:
            raise too_large(name, found.st_size, limits)
        with path.open("rb") as file:
            data = file.read(limits.size + 1)
    except FileNotFoundError:
        raise refused(name, "there is no such file.") from None
    except PermissionError:
        raise refused(name, "there is no permission to read this file.") from None
    except OSError as error:
        raise refused(name, f"the file cannot be read: {error.strerror}.") from None
    if len(data) > limits.size:
        raise too_large(name, len(data), limits)
    if not data.strip():
        raise refused(name, "the file is empty.")
    return Source(name, data)


def too_large(name: str, size: int, limits: Limits) -> Exception:
    """Return the problem of a file of more bytes than the limit."""
    return refused(name, f"{size:,} bytes are more than the limit of {limits.size:,}.")
