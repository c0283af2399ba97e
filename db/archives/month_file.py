"""Files of archived months: lines of each organization, with a manifest that proves them.

A file is a ZIP archive with a member `<ID of the organization>.ndjson` for each organization, and
`manifest.json`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Self, TypeVar
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile

from pydantic import BaseModel

from db.problem import Problem
from db.zip_errors import DAMAGED

M = TypeVar("M", bound=BaseModel)
MANIFEST = "manifest.json"
MAX_MANIFEST = 256 * 2**20
"""Bytes of a manifest that is read: that of about 400,000 chains."""
MAX_LINE = 64 * 2**20
"""Bytes of a line that is read. An event has at most a few megabytes."""


class MonthFile:
    """A file that is being written."""

    def __init__(self, path: Path) -> None:
        self._zip = ZipFile(path, "w", ZIP_DEFLATED, compresslevel=6)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @contextmanager
    def part(self, organization_id: UUID) -> "Iterator[PartFile]":
        """Yield the member for the lines of an organization."""
        with self._zip.open(member(organization_id), "w", force_zip64=True) as lines:
            yield PartFile(lines)

    def describe(self, manifest: BaseModel) -> None:
        """Write the manifest, at the end."""
        self._zip.writestr(MANIFEST, manifest.model_dump_json(indent=1) + "\n")


class PartFile:
    """The lines of an organization that are being written."""

    def __init__(self, lines: IO[bytes]) -> None:
        self._lines, self._digest = lines, sha256()

    def add(self, lines: Sequence[bytes]) -> None:
        """Write these lines, which come without their end."""
        content = b"".join(line + b"\n" for line in lines)
        self._digest.update(content)
        self._lines.write(content)

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of the lines so far."""
        return self._digest.digest()


@contextmanager
def opened(file: Path, manifest_type: type[M]) -> Iterator[tuple[ZipFile, M]]:
    """Yield an archive with its manifest. Raises INVALID when it cannot be read."""
    try:
        with ZipFile(file) as archive:
            if archive.getinfo(MANIFEST).file_size > MAX_MANIFEST:
                raise Problem("INVALID", f"{file} has a manifest that is too large.")
            manifest = manifest_type.model_validate_json(archive.read(MANIFEST))
            yield archive, manifest
    except OSError as error:
        raise Problem("INVALID", f"{file} cannot be read: {error.strerror}.") from error
    except (*DAMAGED, KeyError) as error:
        raise Problem("INVALID", f"{file} is not an archived month.") from error


def lines_of(archive: ZipFile, organization_id: UUID) -> Iterator[bytes]:
    """Yield the lines of an organization, with their ends."""
    with archive.open(member(organization_id)) as lines:
        while line := lines.readline(MAX_LINE):
            yield line


def member(organization_id: UUID) -> str:
    """Return the name of the member with the lines of an organization."""
    return f"{organization_id}.ndjson"
