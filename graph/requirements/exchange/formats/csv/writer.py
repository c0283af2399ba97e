"""The writer of CSV files (RFC 4180), in UTF-8 with a byte order mark, as spreadsheets expect."""

import csv
import io
from typing import IO

from graph.requirements.exchange.model.draft import Draft, refused
from graph.requirements.exchange.tables.cells import cell_text, guarded
from graph.requirements.exchange.tables.table import table_of


def write(draft: Draft, _: str, file: IO[bytes]) -> str:
    """Write the one document of a draft as CSV. Raises INVALID for several documents.

    Returns the ending of the name of the file.

    A text that a spreadsheet would run as a formula has an apostrophe before it, which the reader
    removes.
    """
    if len(draft.documents) != 1:
        raise refused(
            "CSV", f"a file holds one document, and these are {len(draft.documents)}; use XLSX."
        )
    table = table_of(draft.documents[0], draft)
    text = io.TextIOWrapper(file, "utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow([guarded(name) for name in table.columns])
    for row in table.rows:
        writer.writerow([guarded(cell_text(value)) for value in row])
    text.detach()  # which writes what it has held back
    return ".csv"
