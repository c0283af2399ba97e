"""Equality of two values of a column."""

import json
from typing import Any


def unix_lines(text: str) -> str:
    """Return the text with each line ended by LF, where CRLF or CR may have ended it."""
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def same(one: Any, other: Any) -> bool:
    """Return whether two values of a column are equal; line endings make no difference."""
    if isinstance(one, str) and isinstance(other, str):
        return unix_lines(one) == unix_lines(other)
    return same_json(one, other)


def same_json(one: Any, other: Any) -> bool:
    """Return whether values are equal as JSON, where true is not 1, nor within objects 1 is 1.0.

    For Python `{"a": True} == {"a": 1}` holds.
    """
    if one != other:
        return False
    if not isinstance(one, dict | list):
        return isinstance(one, bool) == isinstance(other, bool)
    return _written(one) == _written(other)


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
