"""Text that PostgreSQL can store, and names and identifiers that people can read.

The annotation of a column is `Name`, `Identifier`, `Names` or `Lines`; values assigned to such a
column are normalised. docs/data-model.md has the rules.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any

from sqlalchemy import Text, inspect
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.event import listens_for
from sqlalchemy.orm import Mapper, QueryableAttribute
from sqlalchemy.sql.type_api import TypeEngine

from db.problem import Problem
from db.values import unix_lines


class NameText(Text):
    """The type of a column with a `Name`."""


class IdentifierText(NameText):
    """The type of a column with an `Identifier`."""


class LinesText(Text):
    """The type of a column with `Lines`."""


class StrictNameText(NameText):
    """The type of a column with a `StrictName`."""


Name = Annotated[str, NameText]
"""A name, title or label: one line that people read."""
StrictName = Annotated[str, StrictNameText]
"""A name that other tenants see: characters that are removed from other names are refused."""
Identifier = Annotated[str, IdentifierText]
"""A name in another system, a key or an address: people compare and type it."""
Names = Annotated[list[str], NameText]
"""A set of names, such as tags: the order has no meaning, and concurrent changes are merged."""
Lines = Annotated[str, LinesText]
"""A text of many lines: changes that two people make in different lines of it are merged."""


TEXT_TYPES: dict[Any, Any] = {
    Name: NameText,
    StrictName: StrictNameText,
    Identifier: IdentifierText,
    Names: ARRAY(NameText),
    Lines: LinesText,
}


def is_names(type_: TypeEngine[Any]) -> bool:
    """Return whether a column of this type holds `Names`."""
    return isinstance(type_, ARRAY) and isinstance(type_.item_type, NameText)


MAX_READ_LENGTH = 5_000
"""Characters of a text that is read as a name: ten times as many as any name may have.

Reading a megabyte would take a quarter of a second, in which nobody else is served."""
MAX_MARKS = 4
"""Combining marks in a row (UTS 39, section 5.4)."""

INVISIBLE = (
    *((0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C)),
    *((0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E)),
    *((0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0)),
    *((0xFFF0, 0xFFFB), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)
"""First and last code points of control characters, of Default_Ignorable_Code_Point in Unicode 16
(fillers, joiners, directions, variation selectors, tags), and of interlinear annotation."""


def _any_of(ranges: tuple[tuple[int, int], ...]) -> str:
    return "[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges) + "]"


_BREAK = re.compile("[\t-\r\x1c-\x1f\x85\u2028\u2029]+")
_JOINED = "(?<=[^\x00-\x7f])[\u200c\u200d](?=[^\x00-\x7f])"
_VARIANT = "(?<=[^\x00-\x7f])[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
_INVISIBLE = re.compile(_any_of(INVISIBLE))
# Persian, Indic scripts and emoji need joiners, Japanese names and emoji variants of a sign.
_INVISIBLE_IN_NAMES = re.compile(f"(?:{_JOINED}|{_VARIANT})|({_any_of(INVISIBLE)})")


SURROGATE = re.compile("[\ud800-\udfff]")


def fault_in(text: str) -> str | None:
    """Return the reason why a text cannot be stored or compared; None when it can."""
    if "\x00" in text:
        return "Text may not contain NUL characters."
    if not text.isascii() and SURROGATE.search(text):
        return "Text is not valid Unicode."
    return None


def as_name(text: str) -> str:
    """Return a text as a name: NFC, one line, without invisible characters or white space around.

    A text without a visible character is empty. Raises INVALID for too many combining marks.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    line = _BREAK.sub(" ", _storable(text))
    return _seen(_INVISIBLE_IN_NAMES.sub(lambda m: "" if m[1] else m[0], line))


def as_identifier(text: str) -> str:
    """Return a text as an identifier: as a name, with plain spaces and visible characters only."""
    if text.isascii() and text.isprintable():
        return text.strip()
    line = _INVISIBLE.sub("", _BREAK.sub(" ", _storable(text)))
    return _seen("".join(" " if unicodedata.category(c) == "Zs" else c for c in line))


def as_strict_name(text: str) -> str:
    """Return a text as a name. Raises INVALID where more than white space would be removed."""
    name = as_name(text)
    if name != unicodedata.normalize("NFC", text.strip()):
        raise Problem("INVALID", "A name must have one line, and no invisible characters.")
    return name


def too_long(text: str) -> str | None:
    """Return the reason why a text is too long to be read as a name; None when it is not."""
    return f"At most {MAX_READ_LENGTH} characters." if len(text) > MAX_READ_LENGTH else None


def _storable(text: str) -> str:
    if fault := fault_in(text):
        raise Problem("INVALID", fault)
    return text


def _seen(text: str) -> str:
    text = unicodedata.normalize("NFC", text).strip(" \u2800\u00a0\u3000").strip()
    marks, is_seen = 0, False
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > MAX_MARKS:
            message = f"A name has at most {MAX_MARKS} combining marks in a row."
            raise Problem("INVALID", message)
        is_seen = is_seen or (category[0] in "LNPSC" and character != "\u2800")
    return text if is_seen else ""


@cache
def _readers(model: type) -> Mapping[str, Callable[[Any], Any]]:
    mapper: Mapper[Any] = inspect(model)
    types = {attribute.key: attribute.columns[0].type for attribute in mapper.column_attrs}
    return {key: reader for key, type_ in types.items() if (reader := _reader(type_))}


def _reader(type_: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    if isinstance(type_, IdentifierText):
        return _bounded(as_identifier)
    if isinstance(type_, NameText):
        return _bounded(as_strict_name if isinstance(type_, StrictNameText) else as_name)
    if is_names(type_):
        return lambda words: [_bounded(as_name)(word) for word in words]
    return unix_lines if isinstance(type_, Text) else None


def _bounded(read: Callable[[str], str]) -> Callable[[str], str]:
    def bounded(text: str) -> str:
        if fault := too_long(text):
            raise Problem("INVALID", fault)
        return read(text)

    return bounded


def normalised(model: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of these columns as they are stored: names, identifiers, lines of texts.

    Raises INVALID, which names the column.
    """
    readers = _readers(model)
    return {
        key: _read(key, readers[key], value) if key in readers and value is not None else value
        for key, value in values.items()
    }


def _read(key: str, reader: Callable[[Any], Any], value: Any) -> Any:
    try:
        return reader(value)
    except Problem as problem:
        raise Problem(problem.code, problem.message, field=[key]) from None


def normalise_when_set(_: type, key: str, attribute: QueryableAttribute[Any]) -> None:
    """Have SQLAlchemy normalise values assigned to this attribute, if it is a text."""
    columns: Sequence[Any] = getattr(attribute.property, "columns", ())
    reader = _reader(columns[0].type) if columns else None
    if reader is None:
        return

    @listens_for(attribute, "set", retval=True)
    def read(_: object, value: Any, *__: object) -> Any:
        return value if value is None else _read(key, reader, value)
