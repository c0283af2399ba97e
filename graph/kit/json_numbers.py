"""Numbers of JSON that are represented exactly, and those that are not.

An integer of 64 bits is, signed or not, and a decimal whose shortest form as a double (IEEE 754) is
the same number. RFC 8259 (section 6) leaves range and precision to implementations.
"""

from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)

LEAST, GREATEST = -(2**63), 2**64 - 1
DIGITS_OF_INTEGER = 20
DIGITS_OF_DOUBLE = 15
"""So many significant digits every double keeps."""
REFUSAL = (
    "A number is an integer of 64 bits, or a decimal that a double holds as it is written;"
    " send another one as a string."
)


class Inexact(float):
    """The nearest double in place of a number that is not represented exactly.

    It is accepted where the schema has Float, which is a double.
    """

    __slots__ = ()


def integer(text: str) -> int | float:
    """Return the integer of this JSON, or the value in its place."""
    if len(text.lstrip("-")) <= DIGITS_OF_INTEGER and LEAST <= (value := int(text)) <= GREATEST:
        return value
    return Inexact(text)


def decimal(text: str) -> float:
    """Return the decimal of this JSON, or the value in its place."""
    value = float(text)
    if len(text) <= DIGITS_OF_DOUBLE and "e" not in text and "E" not in text:
        return value
    try:
        exact = isfinite(value) and Decimal(text) == Decimal(repr(value))
    except InvalidOperation:  # an exponent that no decimal has
        exact = False
    return value if exact else Inexact(value)


def is_inexact(value: Any) -> bool:
    """Return whether a number in this value is not represented exactly."""
    match value:
        case Inexact():
            return True
        case dict():
            return any(map(is_inexact, value.values()))
        case list():
            return any(map(is_inexact, value))
        case _:
            return False


def literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
    """Return the JSON value of a literal in a document, with its variables."""
    value: Any = None
    match node:
        case IntValueNode():
            value = integer(node.value)
        case FloatValueNode():
            value = decimal(node.value)
        case StringValueNode() | BooleanValueNode() | EnumValueNode():
            value = node.value
        case ListValueNode():
            value = [literal(item, variables) for item in node.values]
        case ObjectValueNode():
            value = {field.name.value: literal(field.value, variables) for field in node.fields}
        case VariableNode():
            value = (variables or {}).get(node.name.value)
    return value
