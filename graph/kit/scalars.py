"""The scalars of the API beyond GraphQL's own."""

from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import Any, NewType
from uuid import UUID

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

from db.durations import duration_of, duration_text
from graph.kit.json_numbers import Inexact, literal

BigInt = NewType("BigInt", int)
"""An integer of up to 64 bits, which GraphQL's Int (32 bits) cannot carry."""

PathSegment = NewType("PathSegment", str)
"""One step of a path: a str for a name or a key, an int for an index, as in GraphQL's errors."""

MAX_INTEGER = 2**63 - 1


def uuid_of(value: object) -> UUID | None:
    """Return the UUID of a text, in either of its usual forms; None if it is no UUID."""
    try:
        return UUID(value) if isinstance(value, str) and len(value) in (32, 36) else None
    except ValueError:
        return None


def _id(value: Any) -> UUID:
    if id := uuid_of(value):
        return id
    message = "UUID cannot represent this value: it is not a UUID (RFC 9562)."
    raise GraphQLError(message, extensions={"code": "INVALID"})


def _big_int(value: Any) -> int:
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 21:  # noqa: PLR2004 (digits of 2^63)
        value = int(value)
    is_exact = isinstance(value, float) and not isinstance(value, Inexact) and isfinite(value)
    if is_exact and value.is_integer():
        value = int(value)
    if (
        isinstance(value, int)
        and not isinstance(value, bool)
        and -MAX_INTEGER <= value <= MAX_INTEGER
    ):
        return value
    message = "BigInt cannot represent this value: it is not a 64-bit integer."
    raise GraphQLError(message, extensions={"code": "INVALID"})


def moment(text: str) -> datetime:
    """Return the moment in UTC that a text in ISO 8601 names. Raises ValueError.

    The database stores the years 1 to 9999 in UTC, so the range is checked in UTC.
    """
    time = datetime.fromisoformat(text)
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def _moment(value: Any) -> datetime:
    try:
        if isinstance(value, str):
            return moment(value)
    except ValueError:
        pass
    message = "DateTime cannot represent this value: it is not a date and time in ISO 8601 format."
    raise GraphQLError(message, extensions={"code": "INVALID"})


def _path_segment(value: Any) -> str | int:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return value
    message = "PathSegment cannot represent this value: it is neither a string nor an integer."
    raise GraphQLError(message, extensions={"code": "INVALID"})


def _duration(value: Any) -> timedelta:
    try:
        if isinstance(value, str):
            return duration_of(value)
    except ValueError:
        pass
    message = "Duration cannot represent this value: it is not a duration such as PT1H30M."
    raise GraphQLError(message, extensions={"code": "INVALID"})


def day(text: str) -> date:
    """Return the date that a text names as YYYY-MM-DD. Raises ValueError for any other form."""
    found = date.fromisoformat(text)
    if found.isoformat() != text:
        raise ValueError(text)
    return found


def _day(value: Any) -> date:
    try:
        if isinstance(value, str):
            return day(value)
    except ValueError:
        pass
    message = "Date cannot represent this value: it is not a date in the format YYYY-MM-DD."
    raise GraphQLError(message, extensions={"code": "INVALID"})


def _as_is(value: Any) -> Any:
    return value


SCALARS: dict[object, ScalarDefinition] = {
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value (RFC 8259). Integers have up to 64 bits, other numbers"
        " must be exact"
        " as a double; others are refused.",
        serialize=_as_is,
        parse_value=_as_is,
        parse_literal=literal,
    ),
    UUID: strawberry.scalar(
        name="UUID",
        description="A UUID (RFC 9562).",
        serialize=str,
        parse_value=_id,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A date and time in ISO 8601 format. Without an offset, it is in UTC.",
        serialize=datetime.isoformat,
        parse_value=_moment,
    ),
    timedelta: strawberry.scalar(
        name="Duration",
        description="A duration in ISO 8601 format, such as `P1DT2H` or `PT1M30S`. Years and months"
        " are refused, because their length varies.",
        serialize=duration_text,
        parse_value=_duration,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A date in ISO 8601 format, YYYY-MM-DD.",
        serialize=date.isoformat,
        parse_value=_day,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A 64-bit integer.",
        serialize=int,
        parse_value=_big_int,
    ),
    PathSegment: strawberry.scalar(
        name="PathSegment",
        description="One step of a path: a string for the name of a field or a key, an integer for"
        " the index in a list, as in the `path` of an error.",
        serialize=_path_segment,
        parse_value=_path_segment,
    ),
}
