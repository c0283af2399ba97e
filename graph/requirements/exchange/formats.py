"""The formats that files are read and written in; the libraries of each are imported when used."""

from collections.abc import Callable
from dataclasses import dataclass

from graph.requirements.exchange.draft import Draft


@dataclass(frozen=True)
class Written:
    """A file that was written: its bytes, and what it is."""

    data: bytes
    ending: str
    media_type: str


Writer = Callable[[Draft, str], bytes]
"""Writes a draft with this title."""


def _csv(draft: Draft, _: str) -> bytes:
    from graph.requirements.exchange.csv_writer import write_csv  # noqa: PLC0415

    return write_csv(draft)


def _xlsx(draft: Draft, _: str) -> bytes:
    from graph.requirements.exchange.xlsx_file import write_xlsx  # noqa: PLC0415

    return write_xlsx(draft)


def _reqif(draft: Draft, title: str) -> bytes:
    from graph.requirements.exchange.reqif_writer import write_reqif  # noqa: PLC0415

    return write_reqif(draft, title)


WRITERS: dict[str, tuple[Writer, str, str]] = {
    "csv": (_csv, ".csv", "text/csv"),
    "xlsx": (
        _xlsx,
        ".xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    "reqif": (_reqif, ".reqif", "application/xml"),
}
"""The writer of each format, the ending of its files, and their media type."""


def write(draft: Draft, format: str, title: str) -> Written:
    """Return a draft as a file of this format. Raises INVALID for what the format cannot hold."""
    writer, ending, media_type = WRITERS[format]
    return Written(writer(draft, title), ending, media_type)
