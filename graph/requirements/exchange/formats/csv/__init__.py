"""CSV files: a row for each requirement of one document."""

from graph.requirements.exchange.model.format import Format

FORMAT = Format(
    "csv",
    "CSV",
    "Comma-separated values (RFC 4180): one document, a row for each requirement.",
    {".csv": "text/csv", ".tsv": "text/tab-separated-values", ".txt": "text/plain"},
    has_dialect=True,
)
