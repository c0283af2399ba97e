"""The storage of files: the port that requests use, and what a stored content must be."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

from db.problem import Problem

MAX_DOWNLOAD_TIME = timedelta(hours=1)
"""The longest time for which an address for downloading is valid."""
UPLOAD_LIFETIME = timedelta(days=1)
"""The time in which an upload is finished."""
MAX_PARTS = 500
HEAD = 4096
"""Bytes of a content by which its type is recognised."""


@dataclass(frozen=True)
class Upload:
    """A content that is expected: exactly so many bytes, of this type.

    Addresses for uploading it are valid for `address_lifetime`.
    """

    file_id: UUID
    media_type: str
    size: int
    address_lifetime: timedelta

    def part_size(self, least: int) -> int:
        """Return the bytes of each part but the last: at least so many, a multiple of 1 MiB."""
        fair = math.ceil(self.size / MAX_PARTS / 2**20) * 2**20
        return max(least, fair)

    def sizes(self, least: int) -> list[int]:
        """Return the sizes of the parts, in order; one part where the content is small."""
        part = self.part_size(least)
        whole, rest = divmod(self.size, part)
        return [part] * whole + ([rest] if rest else [])


@dataclass(frozen=True)
class Target:
    """A part of an upload: the request that sends it, and whether it has arrived."""

    number: int
    size: int
    url: str
    headers: tuple[tuple[str, str], ...]
    uploaded: bool


@dataclass(frozen=True)
class Content:
    """A content that has arrived: its digest and its first bytes. `tag` identifies its version."""

    size: int
    sha256: bytes
    head: bytes
    tag: str


@dataclass(frozen=True)
class Stored:
    """A content that is stored, under the digest that it was verified with."""

    file_id: UUID
    sha256: bytes
    name: str
    media_type: str

    @property
    def key(self) -> str:
        """Return the key of the content in the storage."""
        return f"{prefix_of(self.file_id)}{self.sha256.hex()}"


class Storage(Protocol):
    """A storage of files. Methods raise BUSY where it cannot be reached."""

    @property
    def largest(self) -> int:
        """Return the bytes that a file may have."""

    @property
    def origin(self) -> str:
        """Return the origin to which browsers upload; empty where it is the gateway's own."""

    async def targets(self, upload: Upload) -> Sequence[Target]:
        """Return the requests that upload a content, with what has arrived of it."""

    async def received(self, upload: Upload) -> Content:
        """Return the content that was uploaded. Raises INVALID where it is not complete."""

    async def keep(self, upload: Upload, content: Content) -> None:
        """Store this content of the upload for good, under its digest."""

    async def put(self, stored: Stored, content: bytes) -> None:
        """Store a content that the gateway itself has made."""

    async def put_file(self, stored: Stored, source: Path) -> None:
        """Store the content of a local file of the gateway, in memory a part at a time."""

    async def read(self, stored: Stored, most: int) -> bytes:
        """Return a stored content. Raises INVALID where it is gone, or larger than `most` bytes."""

    async def read_range(self, stored: Stored, start: int, length: int) -> bytes:
        """Return at most so many bytes of a stored content from a place within it.

        Raises INVALID where it is gone.
        """

    async def discard_upload(self, file_id: UUID) -> None:
        """Remove what was uploaded for a file."""

    async def remove(self, file_id: UUID) -> None:
        """Remove the stored content of a file, and what was uploaded for it."""

    def address(self, stored: Stored, life: timedelta) -> str:
        """Return an address from which the content can be downloaded for this time."""

    async def sweep(self, before: datetime) -> int:
        """Remove what was uploaded before this time; return the number of uploads."""

    async def close(self) -> None:
        """Close connections."""


def prefix_of(file_id: UUID) -> str:
    """Return the prefix of the keys of the stored content of a file."""
    return f"files/{file_id}/"


class WrongType(Problem):
    """The error of a content that is not of the type that was announced."""


def incomplete(message: str) -> Problem:
    """Return the error of an upload that is not complete."""
    return Problem("INVALID", message, field=["id"])


def unreadable(stored: Stored) -> Problem:
    """Return the error of a stored content that is gone, or larger than can be read."""
    return Problem("INVALID", f"The content of {stored.name!r} cannot be read.")


def unreachable() -> Problem:
    """Return the error of a storage that does not answer."""
    return Problem("BUSY", "The file storage is not available. Try again later.")


ZIP = b"PK\x03\x04"
SIGNATURES: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF87a", 0, "image/gif"),
    (b"GIF89a", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"%PDF-", 0, "application/pdf"),
    (b"\x1f\x8b", 0, "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", 0, "application/x-7z-compressed"),
    (b"\x7fELF", 0, "application/x-executable"),
    (b"MZ", 0, "application/vnd.microsoft.portable-executable"),
    (b"\xcf\xfa\xed\xfe", 0, "application/x-mach-binary"),
    (b"\xca\xfe\xba\xbe", 0, "application/x-mach-binary"),
)
"""The beginnings of contents, where they are, and the types that they have."""
SIGNED = {media_type for _, _, media_type in SIGNATURES}
IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""The types of images that can be thumbnails."""
IN_ZIP = re.compile(r"application/(zip|x-zip-compressed|epub\+zip|java-archive|vnd\..+|x-reqifz)")
"""Types whose contents are ZIP archives, or may be."""
ANY = "application/octet-stream"
ACTIVE = re.compile(r".*(html|xml|svg|script|pdf|flash|wasm)")
"""Types that a browser may run when it shows them. They are sent as bytes of no type."""


def served_type(media_type: str) -> str:
    """Return the type that a content is sent with: one that no browser runs."""
    return ANY if ACTIVE.match(media_type) else media_type


def require_type(media_type: str, head: bytes) -> None:
    """Raise WrongType unless a content that begins so can be of this type."""
    found = next(
        (type_ for mark, at, type_ in SIGNATURES if head[at : at + len(mark)] == mark), None
    )
    if media_type == ANY:
        return
    if head.startswith(ZIP):
        fits = IN_ZIP.fullmatch(media_type) is not None
    elif found or media_type in SIGNED:
        fits = found == media_type
    else:
        fits = not (media_type.startswith("text/") and b"\0" in head)
    if not fits:
        message = f"The content is not {media_type}" + (f", but {found}." if found else ".")
        raise WrongType("INVALID", message, field=["id"])
