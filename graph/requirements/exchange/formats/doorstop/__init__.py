"""Doorstop: folders with a YAML file for each item, in a ZIP archive."""

from graph.requirements.exchange.model.format import Format

FORMAT = Format(
    "doorstop",
    "DOORSTOP",
    "A ZIP archive of the folders of Doorstop, with a YAML file for each item.",
)
