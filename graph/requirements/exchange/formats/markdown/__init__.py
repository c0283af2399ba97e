"""Markdown documents, in which requirements are headings with identifiers."""

from graph.requirements.exchange.model.format import Format

FORMAT = Format(
    "markdown",
    "MARKDOWN",
    "Documents of Markdown (`.md`), several in a ZIP archive: a heading with an identifier, a table"
    " of attributes and a text for each requirement.",
    {".md": "text/markdown", ".markdown": "text/markdown"},
)
