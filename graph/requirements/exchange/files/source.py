"""A file on disk, read whole once it is known to be a readable file of an acceptable size."""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from graph.requirements.exchange.model.draft import Limits, refused

Format = Literal["csv", "xlsx", "reqif", "sdoc", "needs", "doorstop", "markdown", "junit"]

FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".reqif": "reqif",
    ".reqifz": "reqif",
    ".xml": "reqif",
    ".sdoc": "sdoc",
    ".zip": "sdoc",
    ".json": "needs",
    ".md": "markdown",
    ".markdown": "markdown",
}
"""The format by the ending of a file."""

SPREADSHEETS = frozenset({".xls", ".xlsb", ".ods", ".numbers"})


@dataclass(frozen=True)
class Source:
    """The bytes of a file, and its name for messages and titles."""

    name: str
    data: bytes

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


def format_of(name: str, given: Format | None) -> Format:
    """Return the format given, or the one of the file's ending. Raises INVALID."""
    if given is not None:
        return given
    ending = Path(name).suffix.lower()
    if ending in SPREADSHEETS:
        message = "a spreadsheet of this kind is not read; save it as XLSX, and import that."
        raise refused(name, message)
    if ending not in FORMATS:
        raise refused(
            name,
            "the format cannot be told from the ending; the formats are csv (.csv, .tsv, .txt),"
            " xlsx (.xlsx, .xlsm), reqif (.reqif, .reqifz, .xml), sdoc (.sdoc, .zip), needs"
            " (.json) and markdown (.md, .markdown).",
        )
    return FORMATS[ending]
