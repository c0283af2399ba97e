"""The preferences of a person: the settings that every front end understands, and their schema."""

from collections.abc import Mapping
from typing import Any

from db.core.people import MAX_PREFERENCES
from db.problem import Problem

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Preferences",
    "description": "The settings of a user that every front end understands. A front end keeps its"
    f" own settings under further keys. All together have at most {MAX_PREFERENCES} bytes.",
    "type": "object",
    "properties": {
        "theme": {
            "description": "The color scheme.",
            "enum": ["system", "light", "dark"],
            "default": "system",
        },
        "density": {
            "description": "The height of rows in lists and documents.",
            "enum": ["comfortable", "compact"],
            "default": "comfortable",
        },
        "dateFormat": {
            "description": "The format of dates: that of the locale, or ISO 8601.",
            "enum": ["locale", "iso"],
            "default": "locale",
        },
        "firstDayOfWeek": {
            "description": "The first day of a week, from 1 for Monday to 7 for Sunday.",
            "type": "integer",
            "minimum": 1,
            "maximum": 7,
            "default": 1,
        },
        "pageSize": {
            "description": "The number of rows on a page of a list.",
            "type": "integer",
            "minimum": 10,
            "maximum": 100,
            "default": 50,
        },
        "reducedMotion": {
            "description": "Whether animations are off.",
            "type": "boolean",
            "default": False,
        },
        "keyboardShortcuts": {
            "description": "Whether single keys are shortcuts.",
            "type": "boolean",
            "default": True,
        },
    },
    "additionalProperties": True,
}
"""The JSON Schema (draft 2020-12) of preferences."""


def require_preferences(given: Mapping[str, Any], field: str, *, removes: bool = False) -> None:
    """Raise INVALID with the path of the first known key whose value is not what it may be.

    In a patch, which `removes` keys, null is allowed.
    """
    for key, rule in SCHEMA["properties"].items():
        if key not in given or (removes and given[key] is None):
            continue
        value = given[key]
        if "enum" in rule:
            if value not in rule["enum"]:
                _refuse(field, key, f"Must be one of {', '.join(rule['enum'])}.")
        elif rule["type"] == "boolean":
            if not isinstance(value, bool):
                _refuse(field, key, "Must be true or false.")
        elif type(value) is not int or not rule["minimum"] <= value <= rule["maximum"]:
            _refuse(field, key, f"Must be from {rule['minimum']} to {rule['maximum']}.")


def _refuse(field: str, key: str, message: str) -> None:
    raise Problem("INVALID", message, field=["input", field, key])
