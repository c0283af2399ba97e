"""Checks that the elements of all diagrams share: JSON of a bounded size, IDs, numbers, URLs."""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

import orjson

from db.problem import Problem
from graph.kit.mutations import Place, require_storable

MAX_BYTES = 1_000_000
"""Bytes of JSON of a diagram, at most."""
MAX_ELEMENTS = 5_000
"""Elements of a drawing, and nodes and edges of a diagram together, at most."""
MAX_ID_LENGTH = 100
MAX_COORDINATE = 10_000_000
"""The greatest coordinate or size, in pixels; greater ones lose precision in browsers."""
LINK_SCHEMES = frozenset({"", "http", "https", "mailto"})
"""The schemes of URLs that a click on an element may open."""


def invalid(message: str, place: Place) -> Problem:
    """Return the problem of a value at this path."""
    return Problem("INVALID", message, field=place)


def require_object(value: Any, place: Place) -> dict[str, Any]:
    """Return a value that is a JSON object. Raises INVALID."""
    if not isinstance(value, dict):
        raise invalid("Must be a JSON object.", place)
    return value


def require_list(value: Any, place: Place, most: int = MAX_ELEMENTS) -> list[Any]:
    """Return a value that is a list of at most `most` members. Raises INVALID."""
    if not isinstance(value, list):
        raise invalid("Must be a list.", place)
    if len(value) > most:
        raise invalid(f"At most {most} items.", place)
    return value


def require_size(value: Any, place: Place, most: int = MAX_BYTES) -> None:
    """Raise INVALID for JSON that cannot be stored, or has more than `most` bytes."""
    require_storable(value, place)
    try:
        size = len(orjson.dumps(value))
    except orjson.JSONEncodeError:
        raise invalid("JSON is nested too deeply.", place) from None
    if size > most:
        raise invalid(f"Has {size} bytes of JSON; the maximum is {most}.", place)


def require_id(value: Any, place: Place) -> str:
    """Return the ID of an element. Raises INVALID."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise invalid("Must be a text of printable characters, not blank.", place)
    if len(value) > MAX_ID_LENGTH:
        raise invalid(f"At most {MAX_ID_LENGTH} characters.", place)
    return value


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number in the range of coordinates."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isfinite(value) and -MAX_COORDINATE <= value <= MAX_COORDINATE


def require_numbers(
    value: Mapping[str, Any], names: Iterable[str], place: Place, *, required: bool = True
) -> None:
    """Raise INVALID unless these members are numbers; absent ones count if they are `required`."""
    for name in names:
        if (required or value.get(name) is not None) and not is_number(value.get(name)):
            message = f"Must be a number from -{MAX_COORDINATE} to {MAX_COORDINATE}."
            raise invalid(message, (*place, name))


def require_link(value: Any, place: Place) -> None:
    """Raise INVALID for a link of another scheme than http, https or mailto, such as javascript."""
    if value is None:
        return
    try:
        scheme = urlsplit(value.strip()).scheme if isinstance(value, str) else None
    except ValueError:
        scheme = None
    if scheme not in LINK_SCHEMES or not value.isprintable():
        raise invalid("Must be an http, https or mailto URL, or a relative one.", place)


def identified(parts: Any) -> list[dict[str, Any]]:
    """Return the stored elements that have an ID; rows can be older than the checks."""
    given = parts if isinstance(parts, list) else []
    return [part for part in given if isinstance(part, dict) and isinstance(part.get("id"), str)]


def require_distinct(ids: Iterable[tuple[str, Place]]) -> None:
    """Raise INVALID for an ID that an earlier element has."""
    known = set[str]()
    for id, place in ids:
        if id in known:
            raise invalid("Another element has this ID.", (*place, "id"))
        known.add(id)
