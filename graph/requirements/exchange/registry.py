"""The formats that files are read and written in, as found in the folder `formats`.

The modules of a format, with its libraries, are imported when they are used.
"""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path, PurePath
from pkgutil import iter_modules
from typing import IO, Any

from graph.requirements.exchange import formats
from graph.requirements.exchange.files.content import pieces
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.files.spill import temporary
from graph.requirements.exchange.model.draft import Draft, Limits, refused
from graph.requirements.exchange.model.fields import untyped
from graph.requirements.exchange.model.format import Format
from graph.requirements.exchange.model.versions import KeptImport, untouched

SPREADSHEETS = frozenset({".xls", ".xlsb", ".ods", ".numbers"})
ARCHIVE = {".zip": "application/zip"}
"""The media type of several files of a format in one."""


@dataclass(frozen=True)
class Written:
    """A file that was written, and what it is. The file ends with the last reference to this."""

    file: IO[bytes]
    ending: str
    media_type: str

    def __post_init__(self) -> None:
        weakref.finalize(self, self.file.close)

    @classmethod
    def of(cls, data: bytes, ending: str, media_type: str) -> "Written":
        """Return a file with these bytes."""
        file = temporary()
        file.write(data)
        file.flush()
        return cls(file, ending, media_type)

    @property
    def path(self) -> Path:
        """Return where the file is."""
        return Path(self.file.name)

    @property
    def size(self) -> int:
        """Return the number of its bytes."""
        return self.path.stat().st_size

    @property
    def data(self) -> bytes:
        """Return its bytes, all at once."""
        return self.path.read_bytes()


@cache
def _found() -> dict[str, tuple[str, Format]]:
    """Return the package of each format, and its declaration, by key."""
    names = [f"{formats.__name__}.{each.name}" for each in iter_modules(formats.__path__)]
    declared = [(name, import_module(name).FORMAT) for name in names]
    return {format.key: (name, format) for name, format in declared}


def every_format() -> list[Format]:
    """Return the declarations of all formats."""
    return [format for _, format in _found().values()]


def written_formats() -> list[str]:
    """Return the keys of the formats of requirements, which are read and written."""
    return [each.key for each in every_format() if not each.holds_results]


def format_of(name: str, given: str | None) -> str:
    """Return the format given, or the one of the file's ending. Raises INVALID."""
    if given in _found():
        return given
    if given is not None:
        message = f"there is no format {given!r}; the formats are {_listed(list(_found()))}."
        raise refused(name, message)
    ending = PurePath(name).suffix.lower()
    if ending in SPREADSHEETS:
        message = "a spreadsheet of this kind is not read; save it as XLSX, and import that."
        raise refused(name, message)
    for each in every_format():
        if ending in each.endings:
            return each.key
    known = [f"{each.key} ({', '.join(each.endings)})" for each in every_format() if each.endings]
    message = f"the format cannot be told from the ending; the formats are {_listed(known)}."
    raise refused(name, message)


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


def endings() -> list[str]:
    """Return the endings of files from which a format follows."""
    return [ending for each in every_format() for ending in each.endings]


def read_as(
    format: str,
    source: Source,
    *,
    chosen: Any,
    limits: Limits,
    delimiter: str | None = None,
    encoding: str | None = None,
) -> Draft:
    """Return the draft of a file. `chosen` maps columns or attributes to fields. Raises INVALID."""
    arguments: dict[str, Any] = {"chosen": chosen, "limits": limits}
    if _found()[format][1].has_dialect:
        arguments |= {"delimiter": delimiter, "encoding": encoding}
    elif delimiter is not None or encoding is not None:
        message = "a delimiter and an encoding are those of a CSV file; other formats need none."
        raise refused(source.name, message)
    draft: Draft = _module(format, "reader").read(source, **arguments)
    return draft


def read_again(kept: KeptImport, source: Source | None = None) -> Draft:
    """Return the draft of a kept file as it was imported, or of another one read in its way."""
    return read_as(
        kept.format,
        source or kept.source,
        chosen=untyped(kept.columns),
        limits=Limits(),
        delimiter=kept.delimiter,
        encoding=kept.encoding,
    )


def write(draft: Draft, format: str, title: str, kept: Sequence[KeptImport] = ()) -> Written:
    """Return a draft as a file of this format. Raises INVALID for what the format cannot hold.

    `kept` are the imports of this format that its documents came from, the newest first: a file of
    which nothing was changed is returned as it was, and edits are written into the others where the
    format can.
    """
    file = temporary()
    try:
        ending = _write(file, draft, format, title, kept)
        file.flush()
    except BaseException:
        file.close()
        raise
    media_types = ARCHIVE | dict(_found()[format][1].endings)
    return Written(file, ending, media_types.get(ending.lower(), "application/octet-stream"))


def _write(
    file: IO[bytes], draft: Draft, format: str, title: str, kept: Sequence[KeptImport]
) -> str:
    """Write a draft, and return the ending of its name."""
    source = untouched(kept, draft)
    if source is not None:
        file.writelines(pieces(source.content))
        return PurePath(source.name).suffix
    if kept and (back := _module(format, "back")):
        ending: str | None = back.write_back(draft, kept, title, file)
        if ending is not None:
            return ending
    written: str = _module(format, "writer").write(draft, title, file)
    return written


def _module(format: str, part: str) -> Any:
    """Return a module of a format, or None if it has none of this name."""
    name = f"{_found()[format][0]}.{part}"
    return import_module(name) if find_spec(name) else None
