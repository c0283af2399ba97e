"""ReqIF: reading files of any tool, writing, and writing back into an imported file."""

from graph.requirements.exchange.model.format import Format

FORMAT = Format(
    "reqif",
    "REQIF",
    "The Requirements Interchange Format of the OMG, 1.0 to 1.2.",
    {".reqif": "application/xml", ".reqifz": "application/zip", ".xml": "application/xml"},
)
