"""Requirements from other tools: files read into a neutral draft, and written by a viewer.

`import_file` is the entry point. The readers (`csv_file`, `reqif_file`) use no database, `apply`
knows no format, and both serve commands and mutations alike.
"""

from graph.requirements.exchange.draft import Draft, Limits, Progress
from graph.requirements.exchange.fields import parse_map
from graph.requirements.exchange.importing import (
    ImportOptions,
    import_draft,
    import_file,
    import_source,
    read,
)
from graph.requirements.exchange.result import Counts, ImportResult
from graph.requirements.exchange.source import Format, Source, load

__all__ = [
    "Counts",
    "Draft",
    "Format",
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
