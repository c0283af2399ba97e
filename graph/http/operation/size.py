"""The size of an answer, counted before it is written as JSON."""

from typing import Any

from graph.http.operation.limits import too_complex

MEMBER_BYTES = 12
"""Bytes that a member of an object or a list takes, roughly, beside its text."""


def require_size(data: Any, maximum: int) -> None:
    """Refuse a result that would be larger than `maximum` bytes: QUERY_TOO_COMPLEX.

    Texts count a byte for each character, so the serialized result may be larger. A text that is
    selected many times is one object in memory and is serialized many times.
    """
    total, stack = 0, [data] if data else []
    while stack:
        value = stack.pop()
        members = value.values() if type(value) is dict else value
        total += MEMBER_BYTES * len(members)
        for member in members:
            kind = type(member)
            if kind is str:
                total += len(member)
            elif kind is dict or kind is list:
                stack.append(member)
        if total > maximum:
            raise too_complex("answer", total, maximum)
