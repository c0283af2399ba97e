"""Requirements from other tools: files read into a neutral draft, and written by a viewer.

`import_file` is the entry point. The readers and writers of formats use no database, `store`
knows no format, and both serve commands and mutations alike.
"""

from graph.requirements.exchange.files.source import Source, load
from graph.requirements.exchange.importing import (
    ImportOptions,
    import_draft,
    import_file,
    import_source,
    read,
)
from graph.requirements.exchange.model.draft import Draft, Limits, Progress
from graph.requirements.exchange.model.fields import parse_map
from graph.requirements.exchange.result import Counts, ImportResult

__all__ = [
    "Counts",
    "Draft",
    "ImportOptions",
    "ImportResult",
    "Limits",
    "Progress",
    "Source",
    "import_draft",
    "import_file",
    "import_source",
    "load",
    "parse_map",
    "read",
]
