"""Options of the command that exports, in the form that `exportStart` stores them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from graphql import GraphQLError
from graphql.utilities import coerce_input_value, validate_input_value
from strawberry.types.arguments import convert_argument

from db.problem import Problem
from graph.kit.stored_filter import stored
from graph.requirements.exchange.exporting import exported_format
from graph.requirements.requirements import RequirementFilterInput


@dataclass(frozen=True)
class ExportOptions:
    """The options of an export. `filter` is a RequirementFilterInput in JSON."""

    document: str | None = None
    format: str | None = None
    filter: str | None = None
    baseline: str | None = None
    change_set: str | None = None
    language: str = "en"

    def arguments(self, file: Path) -> dict[str, Any]:
        """Return the arguments of the export, except the project. Raises INVALID."""
        return {
            "format": exported_format(file.name, self.format),
            "documentId": _id(self.document, "document"),
            "baselineId": _id(self.baseline, "baseline"),
            "changeSetId": _id(self.change_set, "change set"),
            "language": self.language,
            "filter": _filter(self.filter) if self.filter else None,
        }


def _id(text: str | None, what: str) -> str | None:
    """Return an ID. Raises INVALID for any other text."""
    if text is None:
        return None
    try:
        return str(UUID(text))
    except ValueError:
        raise Problem("INVALID", f"Name the {what} by its ID.") from None


def _filter(text: str) -> Any:
    """Return a filter in JSON as it is stored. Raises INVALID with its fault."""
    from graph.schema import schema  # the types of the filter

    type_: Any = schema._schema.type_map[RequirementFilterInput.__name__]  # noqa: SLF001
    faults: list[GraphQLError] = []
    try:
        given = json.loads(text)
        validate_input_value(given, type_, lambda error, _: faults.append(error))
    except (ValueError, RecursionError):
        raise Problem("INVALID", "The filter is not JSON.") from None
    if faults:
        raise Problem("INVALID", f"The filter is not valid: {faults[0].message}")
    value, known = coerce_input_value(given, type_), schema.schema_converter.scalar_registry
    return stored(convert_argument(value, RequirementFilterInput, known, schema.config))
