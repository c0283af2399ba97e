"""An archive, such as .reqifz: the files in it, unpacked in memory and never beyond the limit.

Nothing is written to disk, and names are only compared; even so an archive whose names lead out
of it is refused, because no tool that exports requirements writes one.
"""

import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO

from db.zip_errors import DAMAGED
from graph.requirements.exchange.files.content import PIECE, Content, pieces
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.files.spill import content_of
from graph.requirements.exchange.model.draft import refused

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
"""The first bytes of an archive, and those of an empty one."""

MAX_MEMBERS = 250_000
ENCRYPTED = 0x1
"""The flag of an encrypted member (PKWARE's APPNOTE, section 4.4.4)."""


def is_archive(source: Source) -> bool:
    """Return whether these are the bytes of a zip archive."""
    return source.begins(*MAGIC)


def opened(source: Source, what: str = "a zip archive") -> zipfile.ZipFile:
    """Return the archive, of which only the directory is read. Raises INVALID for what is none."""
    try:
        return zipfile.ZipFile(source.opened())
    except DAMAGED as error:
        raise refused(source.name, f"this is not {what}: {error}.") from None


def unpacked(source: Source, most: int, ending: str) -> tuple[list[Source], int]:
    """Return the archive's files of an ending, and the number of its other files. Raises INVALID.

    The files are in the order of the archive. `most` is the limit of their bytes together;
    large files wait on disk.
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
        left = most
        found = []
        for member in wanted:
            content = _read(source, archive, member, left, most)
            left -= len(content)
            found.append(Source(f"{source.name}/{member.filename}", content))
    return found, len(members) - len(wanted)


def members(source: Source, most: int) -> Iterator[tuple[str, Content]]:
    """Yield the names and contents of all files of an archive. Raises INVALID.

    Attachments that unpack to more than the limit together are left out.
    """
    left = most
    with zipfile.ZipFile(source.opened()) as archive:
        for member in archive.infolist():
            if member.is_dir() or member.file_size > left:
                continue
            content = _read(source, archive, member, left, most)
            left -= len(content)
            yield member.filename, content


def add_member(archive: zipfile.ZipFile, name: str, content: Content) -> None:
    """Add a file to an archive that is written."""
    with archive.open(name, "w", force_zip64=True) as member:
        member.writelines(pieces(content))


def _refuse_outside(source: Source, member: zipfile.ZipInfo) -> None:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise refused(source.name, f"the name {member.filename!r} leads out of the archive.")


def _read(
    source: Source,
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    left: int,
    most: int,
) -> Content:
    if member.flag_bits & ENCRYPTED:
        raise refused(source.name, f"{member.filename!r} is encrypted.")
    too_much = refused(source.name, f"it unpacks to more than the limit of {most:,} bytes.")
    if member.file_size > left:
        raise too_much
    try:
        with archive.open(member) as file:
            # One byte more than the limit: the size in the directory may be a lie.
            content = content_of(_pieces(file, left + 1))
    except (*DAMAGED, OSError) as error:
        raise refused(source.name, f"{member.filename!r} cannot be unpacked: {error}.") from None
    if len(content) > left:
        raise too_much
    return content


def _pieces(file: IO[bytes], most: int) -> Iterator[bytes]:
    """Yield a file to the end, or to its limit."""
    while most > 0 and (piece := file.read(min(most, PIECE))):
        yield piece
        most -= len(piece)
