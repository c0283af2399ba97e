"""ZIP archives with the events of a chain and their manifest, written and read a page at a time."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast
from zipfile import ZIP_DEFLATED, ZipFile

from pydantic import BaseModel, ValidationError

from db.audit.checkpoint import Checkpoint
from db.audit.selection import RecordsManifest, check_records
from db.problem import Problem
from db.zip_errors import DAMAGED

MANIFEST = ".manifest.json"


class ArchiveFile:
    """An archive that is being written; `digest` is that of the lines so far."""

    def __init__(self, path: Path, name: str) -> None:
        self._name, self._zip = name, ZipFile(path, "w", ZIP_DEFLATED, compresslevel=6)
        self._lines: IO[bytes] = self._zip.open(name, "w", force_zip64=True)
        self._digest = sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.close()
        self._zip.close()

    def add(self, lines: Sequence[bytes]) -> None:
        """Write these lines."""
        content = b"".join(line + b"\n" for line in lines)
        self._digest.update(content)
        self._lines.write(content)

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of all lines."""
        return self._digest.digest()

    def describe(self, manifest: BaseModel) -> None:
        """Write the manifest, after the last line."""
        self._lines.close()
        self._zip.writestr(self._name + MANIFEST, manifest.model_dump_json(indent=2) + "\n")


def check_archive(file: Path, checkpoints: Iterable[Checkpoint]) -> RecordsManifest:
    """Prove an archive by its manifest and seals, without a database, and by the checkpoints.

    Raises ChainBrokenError, and Problem when the file cannot be read.
    """
    with _opened(file) as (archive, name):
        content = archive.read(name + MANIFEST)
        manifest = _manifest(file, content)
        with archive.open(name) as lines:
            check_records(str(file), cast(Any, lines), manifest, checkpoints)
    return manifest


@contextmanager
def _opened(file: Path) -> Iterator[tuple[ZipFile, str]]:
    try:
        with ZipFile(file) as archive:
            names = [name for name in archive.namelist() if not name.endswith(MANIFEST)]
            if sorted(archive.namelist()) != sorted([*names, *(n + MANIFEST for n in names)]):
                raise Problem("INVALID", f"{file} is not the archive of an export.")
            if len(names) != 1:
                raise Problem("INVALID", f"{file} is not the archive of an export.")
            yield archive, names[0]
    except OSError as error:
        raise Problem("INVALID", f"{file} cannot be read: {error.strerror}.") from error
    except DAMAGED as error:
        raise Problem("INVALID", f"{file} is not the archive of an export.") from error


def _manifest(file: Path, content: bytes) -> RecordsManifest:
    try:
        return RecordsManifest.model_validate_json(content)
    except ValidationError as error:
        raise Problem("INVALID", f"{file} does not have the manifest of an export.") from error
