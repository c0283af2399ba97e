"""StrictDoc documents (.sdoc)."""

from graph.requirements.exchange.model.format import Format

FORMAT = Format(
    "sdoc",
    "STRICTDOC",
    "Documents of StrictDoc (`.sdoc`), several in a ZIP archive.",
    {".sdoc": "text/plain", ".zip": "application/zip"},
)
