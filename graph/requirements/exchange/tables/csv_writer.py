"""The writer of CSV files (RFC 4180), in UTF-8 with a byte order mark, as spreadsheets expect."""

import csv
import io

from graph.requirements.exchange.model.draft import Draft, refused
from graph.requirements.exchange.tables.cells import cell_text, guarded
from graph.requirements.exchange.tables.table import table_of


def write_csv(draft: Draft) -> bytes:
    """Return the one document of a draft as CSV. Raises INVALID for several documents.

    A text that a spreadsheet would run as a formula has an apostrophe before it, which the reader
    removes.
    """
    if len(draft.documents) != 1:
        raise refused(
            "CSV", f"a file holds one document, and these are {len(draft.documents)}; use XLSX."
        )
    table = table_of(draft.documents[0], draft)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([guarded(name) for name in table.columns])
    for row in table.rows:
        writer.writerow([guarded(cell_text(value)) for value in row])
    return b"\xef\xbb\xbf" + file.getvalue().encode()
