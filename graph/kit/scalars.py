"""The scalars of the API beyond GraphQL's own."""

from datetime import UTC, datetime
from math import isfinite
from typing import Any, NewType
from uuid import UUID

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

BigInt = NewType("BigInt", int)
"""An integer of up to 64 bits, which GraphQL's Int (32 bits) cannot carry."""

LARGEST = 2**63 - 1


def _id(value: Any) -> UUID:
    try:
        if isinstance(value, str) and len(value) in (32, 36):
            return UUID(value)
    except ValueError:
        pass
    message = "UUID cannot represent this value: it is not one."
    raise GraphQLError(message, extensions={"code": "INVALID"})


def _big_int(value: Any) -> int:
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 21:  # noqa: PLR2004 (digits of 2^63)
        value = int(value)
    if isinstance(value, float) and isfinite(value) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST:
        return value
    message = "BigInt cannot represent this value: it is not an integer of 64 bits."
    raise GraphQLError(message, extensions={"code": "INVALID"})


def moment(text: str) -> datetime:
    """The moment in UTC that a text in ISO 8601 names. Raises ValueError.

    The database knows the years 1 to 9999 in UTC; a clock's own time zone has no say.
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
    message = "DateTime cannot represent this value: it is no moment as ISO 8601 writes it."
    raise GraphQLError(message, extensions={"code": "INVALID"})


SCALARS: dict[object, ScalarDefinition] = {
    UUID: strawberry.scalar(
        name="UUID",
        description="A UUID (RFC 9562), as it stands in the record.",
        serialize=str,
        parse_value=_id,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment as ISO 8601 writes it; one without an offset is in UTC.",
        serialize=datetime.isoformat,
        parse_value=_moment,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="An integer of up to 64 bits.",
        serialize=int,
        parse_value=_big_int,
    ),
}
