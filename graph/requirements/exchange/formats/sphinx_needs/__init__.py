"""The `needs.json` of sphinx-needs."""

from graph.requirements.exchange.model.format import Format

FORMAT = Format(
    "needs",
    "NEEDS",
    "The `needs.json` of sphinx-needs.",
    {".json": "application/json"},
)
