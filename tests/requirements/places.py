"""Places of moves as tests write them, such as `after="A"` or `first=True`, and `blockId`."""

from typing import Any


def place_input(to: dict[str, Any]) -> dict[str, Any]:
    """Return the input that says the same; `at` is left out where nothing says where."""
    at = {key: to[key] for key in ("after", "before") if key in to}
    if to.get("first") or to.get("last"):
        at["end"] = "START" if to.get("first") else "END"
    inside = {key: value for key, value in to.items() if key.endswith("Id")}
    return inside | ({"at": at} if at else {})
