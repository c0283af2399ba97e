"""Release the objects of a request, so that they are freed at once when it ends.

Reference cycles are freed only by the garbage collector; under load that is late, and large answers
add up meanwhile. So the cycles that each request would leave are broken.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graphql import Executor, GraphQLResolveInfoHelpers


async def _nothing(*_: object) -> list[object]:
    return []


NO_HELPERS = GraphQLResolveInfoHelpers(gather=_nothing, track=lambda _: None)
"""A replacement for methods that are bound to the executor that refers to them."""


@contextmanager
def released(executor: Executor[Any]) -> Iterator[None]:
    """Remove the executor's references to itself after the block."""
    try:
        yield
    finally:
        executor.async_helpers = NO_HELPERS


def forget_frames(error: BaseException | None) -> None:
    """Drop the tracebacks of a reported error: their frames refer to the error."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = None
        error = getattr(error, "original_error", None) or error.__cause__ or error.__context__
