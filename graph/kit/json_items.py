"""Objects of an input that are stored as JSON in one column, with fields and bounds of their own.

`stored_as` declares a field of such an object, and `json_items` one of a list of them, whose fields
are declared by `text_field`, `url_field` and `number_field`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

import strawberry
from strawberry import UNSET
from strawberry.types.base import StrawberryOptional as Optional
from strawberry.types.base import get_object_definition
from strawberry.utils.str_converters import to_camel_case

from db.constraints import MAX_NAME_LENGTH
from db.problem import Problem
from db.text import as_name, fault_in, too_long
from db.values import unix_lines

STORE, CHECK = "store", "check"
"""The keys of a field's metadata: what returns its value as it is stored, and what checks it."""
MAX_URL_LENGTH = 2_000
Place = tuple[str | int, ...]
Check = Callable[[Any], Any]
"""Returns a value as it is stored. Raises ValueError with the message to the client."""
Store = Callable[[Any, Place], Any]
"""Returns an input at a path as it is stored. Raises INVALID with the path of what is at fault."""


def stored_as(store: Store, **options: Any) -> Any:
    """Declare a field of an input whose value is stored as this function returns it."""
    return strawberry.field(metadata={STORE: store}, **options)


def json_items(most: int, **options: Any) -> Any:
    """Declare a field of an input with a list of at most `most` objects."""
    return stored_as(lambda items, place: stored_items(items, most, place), **options)


def text_field(
    text: str, *, longest: int = MAX_NAME_LENGTH, lines: bool = False, required: bool = False
) -> Any:
    """Declare a text of an item, of one line unless `lines`. A `required` one is not blank."""

    def check(value: str) -> str | None:
        if fault := fault_in(value) or (not lines and too_long(value)):
            raise ValueError(fault)
        stored = unix_lines(value) if lines else as_name(value)
        if required and not stored.strip():
            raise ValueError("Must not be blank.")
        if len(stored) > longest:
            raise ValueError(f"At most {longest} characters.")
        return stored

    return _field(text, check, required=required)


def url_field(text: str, *, required: bool = True) -> Any:
    """Declare a web address of an item, http or https."""
    return _field(text, web_url, required=required)


def web_url(value: str) -> str:
    """Return an http or https URL as it is stored. Raises ValueError."""
    url = value.strip()
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web or not url.isprintable() or " " in url or fault_in(url):
        raise ValueError("Must be an http or https URL.")
    if len(url) > MAX_URL_LENGTH:
        raise ValueError(f"At most {MAX_URL_LENGTH} characters.")
    return url


def number_field(text: str) -> Any:
    """Declare a whole number of an item, zero or more."""

    def check(value: int) -> int:
        if value < 0:
            raise ValueError("Must not be less than zero.")
        return value

    return _field(text, check, required=False)


def _field(text: str, check: Check, *, required: bool) -> Any:
    if required:
        return strawberry.field(description=text, metadata={CHECK: check})
    return strawberry.field(default=UNSET, description=text, metadata={CHECK: check})


def stored_items(items: Sequence[Any], most: int, place: Place) -> list[dict[str, Any]]:
    """Return the items as they are stored, without fields that are null. Raises INVALID."""
    if len(items) > most:
        raise Problem("INVALID", f"At most {most} items.", field=place)
    return [_stored(item, (*place, index)) for index, item in enumerate(items)]


def _stored(item: Any, place: Place) -> dict[str, Any]:
    stored = {}
    for field in fields(item):
        value = getattr(item, field.name)
        if value is UNSET or value is None:
            continue
        try:
            stored[field.name] = field.metadata[CHECK](value)
        except (ValueError, Problem) as error:
            at = (*place, to_camel_case(field.name))
            raise Problem("INVALID", str(error), field=at) from None
    return stored


def shown_items(type_: Any, stored: Any) -> list[Any]:
    """Return stored items as objects of an output type; what has another shape is left out."""
    known = get_object_definition(type_, strict=True).fields
    names = [field.python_name for field in known]
    required = {field.python_name for field in known if not isinstance(field.type, Optional)}
    return [
        type_(**{name: item.get(name) for name in names})
        for item in stored
        if isinstance(item, Mapping) and required <= item.keys()
    ]
