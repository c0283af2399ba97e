"""An archive, such as .reqifz: the files in it, unpacked in memory and never beyond the limit.

Nothing is written to disk, and names are only compared; even so an archive whose names lead out
of it is refused, because no tool that exports requirements writes one.
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from db.zip_errors import DAMAGED
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import Limits, refused

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
"""The first bytes of an archive, and those of an empty one."""

MAX_MEMBERS = 250_000
ENCRYPTED = 0x1
"""The flag of an encrypted member (PKWARE's APPNOTE, section 4.4.4)."""


def is_archive(source: Source) -> bool:
    """Return whether these are the bytes of a zip archive."""
    return source.data.startswith(MAGIC)


def opened(source: Source, what: str = "a zip archive") -> zipfile.ZipFile:
    """Return the archive, of which only the directory is read. Raises INVALID for what is none."""
    try:
        return zipfile.ZipFile(io.BytesIO(source.data))
    except DAMAGED as error:
        raise refused(source.name, f"this is not {what}: {error}.") from None


def unpacked(source: Source, limits: Limits, ending: str = ".reqif") -> tuple[list[Source], int]:
    """Return the archive's files of an ending, and the number of its other files. Raises INVALID.

    The files are in the order of the archive.
    """
    with opened(source) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) > MAX_MEMBERS:
            raise refused(source.name, f"the archive holds more than {MAX_MEMBERS:,} files.")
        for member in members:
            _refuse_outside(source, member)
        wanted = [m for m in members if PurePosixPath(m.filename).suffix.lower() == ending]
        if not wanted:
            raise refused(source.name, f"the archive holds no file that ends in {ending}.")
        left = limits.size
        found = []
        for member in wanted:
            data = _read(source, archive, member, left, limits)
            left -= len(data)
            found.append(Source(f"{source.name}/{member.filename}", data))
    return found, len(members) - len(wanted)


def members(source: Source, limits: Limits) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of all files of an archive. Raises INVALID.

    Attachments that unpack to more than the limit together are left out.
    """
    left = limits.size
    with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
        for member in archive.infolist():
            if member.is_dir() or member.file_size > left:
                continue
            data = _read(source, archive, member, left, limits)
            left -= len(data)
            yield member.filename, data


def _refuse_outside(source: Source, member: zipfile.ZipInfo) -> None:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise refused(source.name, f"the name {member.filename!r} leads out of the archive.")


def _read(
    source: Source,
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    left: int,
    limits: Limits,
) -> bytes:
    if member.flag_bits & ENCRYPTED:
        raise refused(source.name, f"{member.filename!r} is encrypted.")
    too_much = refused(source.name, f"it unpacks to more than the limit of {limits.size:,} bytes.")
    if member.file_size > left:
        raise too_much
    try:
        with archive.open(member) as file:
            data = file.read(left + 1)  # the size in the directory may be a lie
    except (*DAMAGED, OSError) as error:
        raise refused(source.name, f"{member.filename!r} cannot be unpacked: {error}.") from None
    if len(data) > left:
        raise too_much
    return data
