"""The formats that files are read and written in; the libraries of each are imported when used."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from graph.requirements.exchange.back.edits import Edits
from graph.requirements.exchange.back.writing import Back, written_back
from graph.requirements.exchange.files.source import Source
from graph.requirements.exchange.model.draft import Draft, Limits
from graph.requirements.exchange.model.fields import untyped
from graph.requirements.exchange.model.versions import KeptImport
from graph.requirements.exchange.store.kept import untouched


@dataclass(frozen=True)
class Written:
    """A file that was written: its bytes, and what it is."""

    data: bytes
    ending: str
    media_type: str


XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _csv(draft: Draft, _: str) -> Written:
    from graph.requirements.exchange.tables.csv_writer import write_csv  # noqa: PLC0415

    return Written(write_csv(draft), ".csv", "text/csv")


def _xlsx(draft: Draft, _: str) -> Written:
    from graph.requirements.exchange.tables.xlsx import write_xlsx  # noqa: PLC0415

    return Written(write_xlsx(draft), ".xlsx", XLSX)


def _reqif(draft: Draft, title: str) -> Written:
    from graph.requirements.exchange.reqif.writer import write_reqif  # noqa: PLC0415

    return Written(write_reqif(draft, title), ".reqif", "application/xml")


def _sdoc(draft: Draft, _: str) -> Written:
    from graph.requirements.exchange.strictdoc.writer import write_sdoc  # noqa: PLC0415

    data, ending = write_sdoc(draft)
    return Written(data, ending, "application/zip" if ending == ".zip" else "text/plain")


def _needs(draft: Draft, title: str) -> Written:
    from graph.requirements.exchange.sphinx_needs.format import write_needs  # noqa: PLC0415

    return Written(write_needs(draft, title), ".json", "application/json")


def _doorstop(draft: Draft, _: str) -> Written:
    from graph.requirements.exchange.doorstop.writer import write_doorstop  # noqa: PLC0415

    return Written(write_doorstop(draft), ".zip", "application/zip")


def _markdown(draft: Draft, _: str) -> Written:
    from graph.requirements.exchange.markdown.writer import write_markdown  # noqa: PLC0415

    data, ending = write_markdown(draft)
    return Written(data, ending, "application/zip" if ending == ".zip" else "text/markdown")


WRITERS: dict[str, Callable[[Draft, str], Written]] = {
    "csv": _csv,
    "xlsx": _xlsx,
    "reqif": _reqif,
    "sdoc": _sdoc,
    "needs": _needs,
    "doorstop": _doorstop,
    "markdown": _markdown,
}
"""The writer of each format, given a draft and its title."""


def write(draft: Draft, format: str, title: str, kept: Sequence[KeptImport] = ()) -> Written:
    """Return a draft as a file of this format. Raises INVALID for what the format cannot hold.

    `kept` are the imports of this format that its documents came from, the newest first: a file of
    which nothing was changed is returned as it was.
    """
    source = untouched(kept, draft)
    if source is not None:
        return Written(source.data, Path(source.name).suffix, _media_type(source))
    if format == "reqif" and kept:
        from graph.requirements.exchange.reqif.back.originals import write_originals  # noqa: PLC0415

        data, ending = write_originals(draft, kept, title)
        is_archive = ending == ".reqifz"
        return Written(data, ending, "application/zip" if is_archive else "application/xml")
    edited = _edited(draft, format, kept)
    return edited or WRITERS[format](draft, title)


def _edited(draft: Draft, format: str, kept: Sequence[KeptImport]) -> Written | None:
    """Return the one file that a draft was imported from with its edits, if it can hold them."""
    if len(kept) != 1 or format not in BACKS:
        return None
    (only,) = kept
    data = written_back(draft, only, _read_again, BACKS[format])
    if data is None:
        return None
    return Written(data, Path(only.source.name).suffix, _media_type(only.source))


def _read_again(source: Source, kept: KeptImport) -> Draft:
    chosen = untyped(kept.columns)
    if kept.format != "csv":
        return read_as(kept.format, source, chosen, Limits())
    from graph.requirements.exchange.tables.csv_reader import read_csv  # noqa: PLC0415

    given = {"delimiter": kept.delimiter, "encoding": kept.encoding}
    return read_csv(source, chosen=chosen, limits=Limits(), **given)


def _back(module: str, name: str) -> Back:
    """Return a writer of edits, whose module is imported when it is used."""

    def write(kept: KeptImport, edits: Edits) -> bytes | None:
        found: Back = getattr(import_module(f"{__package__}.{module}"), name)
        return found(kept, edits)

    return write


BACKS: dict[str, Back] = {
    "csv": _back("tables.csv_back", "write_csv_back"),
    "xlsx": _back("tables.xlsx_back", "write_xlsx_back"),
    "needs": _back("sphinx_needs.back", "write_needs_back"),
    "sdoc": _back("strictdoc.back", "write_sdoc_back"),
    "doorstop": _back("doorstop.back", "write_doorstop_back"),
}
"""The writers of edits into an imported file, of the formats that have one besides ReqIF."""


def read_as(format: str, source: Source, chosen: Mapping[str, str], limits: Limits) -> Draft:
    """Return the draft of a file of any format but CSV, which has options of its own."""
    match format:
        case "xlsx":
            from graph.requirements.exchange.tables.xlsx import read_xlsx as read  # noqa: PLC0415
        case "sdoc":
            from graph.requirements.exchange.strictdoc.reader import read_sdoc as read  # noqa: PLC0415
        case "needs":
            from graph.requirements.exchange.sphinx_needs.format import read_needs as read  # noqa: PLC0415
        case "doorstop":
            from graph.requirements.exchange.doorstop.reader import (  # noqa: PLC0415
                read_doorstop as read,
            )
        case "markdown":
            from graph.requirements.exchange.markdown.reader import (  # noqa: PLC0415
                read_markdown as read,
            )
        case _:
            from graph.requirements.exchange.reqif.reader import read_reqif as read  # noqa: PLC0415
    return read(source, chosen=chosen, limits=limits)


def _media_type(source: Source) -> str:
    """Return the media type of a file that was imported."""
    return MEDIA_TYPES.get(Path(source.name).suffix.lower(), "application/octet-stream")


MEDIA_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".sdoc": "text/plain",
    ".json": "application/json",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".reqif": "application/xml",
    ".xml": "application/xml",
    ".xlsx": XLSX,
    ".zip": "application/zip",
    ".reqifz": "application/zip",
}
"""The media types of files by their endings."""
