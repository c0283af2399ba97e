"""JSON as clients send it: in UTF-8, not too deep, without a key twice, and numbers as written."""

import json
import re
from typing import Any

import orjson

from graph.http.operation.errors import Refusal
from graph.kit.json_numbers import decimal, integer

MAX_JSON_DEPTH = 100
"""Levels of nested arrays and objects in a body, at most; a real filter has about ten."""
MAX_VALUES, MAX_QUOTES = 30_000, 120_000
"""Values of a body, at most, and quotation marks: 500 items of all their fields have 15,000. A
megabyte of empty lists would take half a second to examine."""
READ_AT_ONCE = 100_000
"""Bytes of a body or message that are parsed on the event loop; longer ones in a thread."""
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A JSON string, or the rest of the text after an unclosed quotation mark; without backtracking."""
NESTING = frozenset({dict, list})
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""RFC 8259 (section 8.1) allows to ignore it."""
KEY = re.compile(rb'"[ \t\r\n]*:')
"""The end of a key; a match within a string only costs the slow parser."""
NUMBERS = frozenset({int, float})
INEXACT = re.compile(rb"[0-9.]{16}|[eE][+-]?[0-9]{3}")
"""Matches in each number that a double may not represent exactly."""


class _Twice(ValueError):
    """An object has a key twice."""


def read_json(text: bytes, what: str) -> Any:
    """Return the value of a JSON text. Raises Refusal (400) that names it as `what`.

    Numbers that a double does not represent as they are written are `Inexact` in it.
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    _require_few(text, what)
    try:
        value = orjson.loads(text)  # refuses NaN, Infinity, bad UTF-8, and over 1024 levels
    except orjson.JSONDecodeError as error:
        return _read_slowly(text, what, error)
    depth, keys, has_numbers = _measured(value)
    if depth > MAX_JSON_DEPTH:
        raise Refusal(400, f"{what} nests more than {MAX_JSON_DEPTH} levels.")
    if (has_numbers and INEXACT.search(text)) or _keys(text) != keys:
        return _read_slowly(text, what)
    return value


def _keys(text: bytes) -> int:
    """Return the number of keys, and of what looks like one within a string."""
    # Where no key ends in a space, each ends in a quotation mark and a colon: quicker to count.
    if b'" ' in text or b'"\n' in text or b'"\t' in text or b'"\r' in text:
        return len(KEY.findall(text))
    return text.count(b'":')


def _require_few(text: bytes, what: str) -> None:
    """Refuse a text of too many values (400) before it is parsed."""
    if len(text) <= MAX_VALUES or _values(text) <= MAX_VALUES:
        return
    if text.count(b'"') > MAX_QUOTES or _values(STRING.sub(b"", text)) > MAX_VALUES:
        raise Refusal(400, f"{what} holds more than {MAX_VALUES} values.")


def _values(text: bytes) -> int:
    """Count commas and opening brackets: at least one for each value inside an array or object."""
    return sum(map(text.count, (b",", b"[", b"{")))


def _read_slowly(text: bytes, what: str, refused: ValueError | None = None) -> Any:
    """Return the value with numbers as written; `refused` is the quick parser's error, if any."""
    try:
        value = _DECODER.decode(text.decode())
    except UnicodeDecodeError:
        raise Refusal(400, f"{what} is not in UTF-8.") from refused
    except _Twice as twice:
        raise Refusal(400, f"{what} has the key {twice} twice in one object.") from None
    except RecursionError:
        raise Refusal(400, f"{what} nests more than {MAX_JSON_DEPTH} levels.") from refused
    except ValueError:
        raise Refusal(400, f"{what} is not JSON.") from refused
    if refused is not None and _is_broken(value):
        raise Refusal(400, f"{what} has half of a surrogate pair in a string.") from refused
    if _measured(value)[0] > MAX_JSON_DEPTH:
        raise Refusal(400, f"{what} nests more than {MAX_JSON_DEPTH} levels.")
    return value


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        seen: set[str] = set()
        for key, _ in members:
            if key in seen:
                raise _Twice(json.dumps(key[:100]))
            seen.add(key)
    return found


def _refuse_constant(text: str) -> Any:
    raise ValueError(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_once,
    parse_int=integer,
    parse_float=decimal,
    parse_constant=_refuse_constant,
)


def _is_broken(value: Any) -> bool:
    """Return whether a string in it is no Unicode."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _measured(value: Any) -> tuple[int, int, bool]:
    """Return the depth of nesting, the number of keys, and whether there are numbers.

    All down to one level past the limit.
    """
    keys, depth, has_numbers = 0, 0, type(value) in NUMBERS
    level = [value] if type(value) in NESTING else []
    while level and depth <= MAX_JSON_DEPTH:
        depth += 1
        beneath: list[Any] = []
        for outer in level:
            inside = outer
            if type(outer) is dict:
                keys += len(outer)
                inside = outer.values()
            for inner in inside:
                kind = type(inner)
                if kind in NESTING:
                    beneath.append(inner)
                elif kind in NUMBERS:
                    has_numbers = True
        level = beneath
    return depth, keys, has_numbers
