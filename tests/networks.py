"""Addresses of networks without earlier requests: rate limits count by network."""

from itertools import count

_numbers = count()


def address() -> str:
    """Return an address in a network of its own."""
    number = next(_numbers)
    return f"10.{128 + number // 256}.{number % 256}.1"
