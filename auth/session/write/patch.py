"""A change of some keys of a JSON object: a JSON Merge Patch (RFC 7396)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from db.problem import Problem

MAX_OBJECT_LENGTH = 1_000_000
"""Characters of JSON that an object may have after a patch, as many as one request can send."""


@dataclass(frozen=True)
class Patch:
    """A change of the keys that it names, in the place of a value; null removes a key."""

    column: str
    keys: Mapping[str, Any]

    def applied(self, target: Mapping[str, Any]) -> dict[str, Any]:
        """Return `target` with the patch applied, as a new object. Raises INVALID if too large."""
        patched = merge_patch(target, self.keys)
        if len(json.dumps(patched)) > MAX_OBJECT_LENGTH:
            message = f"It would hold more than {MAX_OBJECT_LENGTH} characters of JSON."
            raise Problem("INVALID", message, field=[f"{self.column}_patch"])
        return patched


def patched(row: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return these values of a row's columns, with patches applied to the stored values."""
    return {
        name: value.applied(getattr(row, name)) if isinstance(value, Patch) else value
        for name, value in values.items()
    }


def merge_patch(target: Any, keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the target patched: objects within, anything else replaced (RFC 7396, section 2)."""
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in keys.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = merge_patch(result.get(key), value)
        else:
            result[key] = value
    return result
