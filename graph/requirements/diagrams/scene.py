"""Scenes of Excalidraw: the shape of their elements, and the merge of concurrent changes.

An element has a `version`, which each change increases, and a random `versionNonce`. Of two states
of an element the one with the higher version counts; of equal versions, that with the lower nonce.
This is the rule of Excalidraw itself (`reconcileElements`), and does not depend on the order in
which changes arrive. A deleted element is kept without its content, so that an older state of it
does not bring it back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from graph.kit.mutations import Place
from graph.requirements.diagrams.shapes import (
    MAX_ELEMENTS,
    identified,
    invalid,
    is_number,
    require_distinct,
    require_id,
    require_link,
    require_list,
    require_numbers,
    require_object,
    require_size,
)

TYPES = frozenset(
    {
        *("rectangle", "ellipse", "diamond", "arrow", "line", "freedraw", "text", "image"),
        *("frame", "magicframe", "iframe", "embeddable"),
    }
)
LINEAR = frozenset({"arrow", "line", "freedraw"})
MAX_DELETED = 5_000
"""Deleted elements that are remembered; those that were deleted first are forgotten."""
MAX_VERSION = 2**53 - 1
"""The greatest integer of JavaScript."""
MAX_STATE_BYTES = 20_000
"""Bytes of JSON of the state of the application, at most."""
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
DELETED = ("id", "type", "index", "version", "versionNonce", "updated")
"""The members that are kept of a deleted element."""
UNVERSIONED = {"version": 1, "versionNonce": 0, "isDeleted": False}
"""The members of an element that is given without them."""
SCENE = frozenset({"type", "version", "source", "elements", "appState", "files"})
IMAGES = "The contents of images are not stored in a drawing. Attach them as files instead."

Element = dict[str, Any]


@dataclass(frozen=True)
class Merged:
    """A scene with a patch applied."""

    elements: list[Element]
    applied: list[str]
    """The IDs of the elements of the patch that count."""
    newer: list[Element]
    """The stored elements that count instead of those of the patch."""


def scene_of(value: Any, place: Place) -> dict[str, Any]:
    """Return a scene of Excalidraw as it is stored. Raises INVALID with the path at fault."""
    scene = require_object(value, place)
    require_size(scene, place)
    if unknown := scene.keys() - SCENE:
        raise invalid("A drawing has no such member.", (*place, min(unknown)))
    if scene.get("type", "excalidraw") != "excalidraw":
        raise invalid("Must be `excalidraw`.", (*place, "type"))
    if scene.get("files"):
        raise invalid(IMAGES, (*place, "files"))
    elements = elements_of(scene.get("elements", []), (*place, "elements"))
    living = [element for element in elements if not element["isDeleted"]]
    state = state_of(scene.get("appState") or {}, (*place, "appState"))
    return {"elements": ordered(living), "appState": state}


def state_of(value: Any, place: Place) -> dict[str, Any]:
    """Return the state of the application, such as the colour of the background."""
    state = require_object(value, place)
    require_size(state, place, MAX_STATE_BYTES)
    return state


def elements_of(value: Any, place: Place) -> list[Element]:
    """Return elements as they are stored, with their versions. Raises INVALID."""
    given = require_list(value, place)
    elements = [_element(element, (*place, index)) for index, element in enumerate(given)]
    places = ((element["id"], (*place, index)) for index, element in enumerate(elements))
    require_distinct(places)
    return elements


def _element(value: Any, place: Place) -> Element:
    element = require_object(value, place)
    require_id(element.get("id"), (*place, "id"))
    for name, default in (("version", 1), ("versionNonce", 0)):
        number = element.get(name, default)
        if type(number) is not int or not 0 <= number <= MAX_VERSION:
            raise invalid(f"Must be an integer from 0 to {MAX_VERSION}.", (*place, name))
    is_deleted = element.get("isDeleted", False)
    if type(is_deleted) is not bool:
        raise invalid("Must be a boolean.", (*place, "isDeleted"))
    index = element.get("index")
    if index is not None and not _is_index(index):
        raise invalid("Must be a fractional index of Excalidraw, or null.", (*place, "index"))
    updated = element.get("updated")
    if updated is not None and (type(updated) is not int or not 0 <= updated <= MAX_VERSION):
        raise invalid("Must be a time in milliseconds.", (*place, "updated"))
    if is_deleted:
        kept = {name: element[name] for name in DELETED if element.get(name) is not None}
        return UNVERSIONED | kept | {"isDeleted": True}
    if element.get("type") not in TYPES:
        raise invalid("Must be a type of element of Excalidraw.", (*place, "type"))
    require_numbers(element, ("x", "y"), place)
    require_numbers(element, ("width", "height", "angle", "strokeWidth"), place, required=False)
    require_numbers(element, ("opacity", "fontSize", "lineHeight"), place, required=False)
    require_link(element.get("link"), (*place, "link"))
    if element["type"] in LINEAR:
        _require_points(element.get("points"), (*place, "points"))
    if element["type"] == "text" and not isinstance(element.get("text"), str):
        raise invalid("Must be a text.", (*place, "text"))
    return UNVERSIONED | element


def _is_index(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isascii() and value.isalnum()  # noqa: PLR2004 (characters)


def _require_points(points: Any, place: Place) -> None:
    most = 20_000
    for index, point in enumerate(require_list(points, place, most)):
        if (
            not isinstance(point, list)
            or len(point) not in (2, 3)
            or not all(map(is_number, point))
        ):
            raise invalid("A point is a list of two numbers.", (*place, index))


def merged(current: Iterable[Element], patch: Sequence[Element]) -> Merged:
    """Return a stored scene with the elements of a patch, whichever of both count.

    The result is the same whatever the order of patches, and when one is applied twice.
    """
    elements = {element["id"]: UNVERSIONED | element for element in current}
    applied, newer = [], []
    for element in patch:
        known = elements.get(element["id"])
        if known is None or _precedes(element, known):
            elements[element["id"]] = _with_index(element, known or {})
            applied.append(element["id"])
        elif not _same(element, known):
            newer.append(known)
    return Merged(ordered(elements.values()), applied, newer)


def _with_index(element: Element, known: Mapping[str, Any]) -> Element:
    """Return an element at its place: at the one that it had, where it is given without one."""
    is_kept = element.get("index") is None and known.get("index") is not None
    return element | {"index": known["index"]} if is_kept else element


def deletion_of(element: Element) -> Element:
    """Return a deleted state that counts instead of this one, and of one that is a change of it."""
    kept = {name: element[name] for name in DELETED if name in element}
    version = min(element["version"] + 1, MAX_VERSION)
    return kept | {"version": version, "versionNonce": 0, "isDeleted": True}


def _precedes(one: Element, other: Element) -> bool:
    """Return whether the first state counts instead of the second."""
    return _rank(one) < _rank(other)


def _rank(element: Element) -> tuple[int, int, bytes]:
    return -element["version"], element["versionNonce"], _content(element)


def _content(element: Element) -> bytes:
    """Return the content of an element, so that even of equal versions one counts."""
    content = {key: value for key, value in element.items() if key != "index"}
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def _same(one: Element, other: Element) -> bool:
    return _rank(one) == _rank(other)


def ordered(elements: Iterable[Element]) -> list[Element]:
    """Return elements in the order in which they are drawn, by index; those without one last.

    These get an index. Of deleted ones the latest are kept.
    """
    indexed: list[Element] = []
    others: list[Element] = []
    deleted: list[Element] = []
    for element in elements:
        kind = deleted if element["isDeleted"] else indexed if element.get("index") else others
        kind.append(element)
    indexed.sort(key=lambda element: (element["index"], element["id"]))
    last = indexed[-1]["index"] if indexed else ""
    for element in others:
        last = _after(last)
        indexed.append(element | {"index": last})
    deleted.sort(key=lambda element: (-(element.get("updated") or 0), element["id"]))
    return indexed + sorted(deleted[:MAX_DELETED], key=lambda element: element["id"])


def _after(index: str) -> str:
    """Return the integer index after this one: `a0` to `az`, then `b00` and so on."""
    if not index or not "a" <= index[0] <= "z":
        return "a0"
    length = ord(index[0]) - ord("a") + 1
    digits = index[1 : 1 + length].ljust(length, DIGITS[0])
    number = 0
    for digit in digits:
        number = number * len(DIGITS) + DIGITS.index(digit)
    number += 1
    if number >= len(DIGITS) ** length:
        length, number = length + 1, 0
    found = ""
    for _ in range(length):
        number, rest = divmod(number, len(DIGITS))
        found = DIGITS[rest] + found
    return chr(ord("a") + length - 1) + found


def require_bounds(data: Mapping[str, Any], place: Place) -> None:
    """Raise INVALID for a scene with too many elements or too many bytes."""
    living = sum(not element["isDeleted"] for element in data["elements"])
    if living > MAX_ELEMENTS:
        raise invalid(f"The drawing would have {living} elements; at most {MAX_ELEMENTS}.", place)
    require_size(data, place)


def shown(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored scene as Excalidraw loads it, without the deleted elements."""
    living = [e for e in identified(data.get("elements")) if not e.get("isDeleted")]
    state = data.get("appState", {})
    return {"type": "excalidraw", "version": 2, "elements": living, "appState": state, "files": {}}
