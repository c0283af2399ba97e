"""Generated code that builds a level's objects from records, a literal an object."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from graph.engine.times import whole

Build = Callable[..., list[dict[str, Any]]]
"""Takes records, and of each field that is no column a list of its values."""

COMPILED = 2_000
"""Functions that are kept by their code; operations of the same shape share them."""


def builder(
    members: Sequence[tuple[str, str | None]],
    width: int,
    names: Mapping[str, Any],
    *,
    more: bool = False,
) -> Build:
    """Return what builds objects of these members, in their order.

    Each is a name with its code, or None where its values are given; in the code `cN` is column N
    of a record of `width` columns, or of `more`, and `names` are what else it may name.
    """
    columns = "".join(f"c{place}," for place in range(width)) + ("*_," if more else "")
    given = [f"v{place}" for place, (_, code) in enumerate(members) if code is None]
    coded = (code or f"v{place}" for place, (_, code) in enumerate(members))
    written = literal([(name, code) for (name, _), code in zip(members, coded, strict=True)])
    if given:
        lists = ",".join(f"l{name}" for name in given)
        loop = f"for ({columns}),{','.join(given)} in zip(records,{lists})"
    else:
        lists, loop = "", f"for ({columns}) in records"
    names = {**names, "whole": whole}
    free = ",".join(sorted(names))
    code = (
        f"def make({free}):\n"
        f" def build(records,{lists}):\n"
        f"  return [{written} {loop}]\n"
        " return build"
    )
    build: Build = _compiled(code)(**names)
    return build


def literal(members: Sequence[tuple[str, str]]) -> str:
    """Return the code of an object of these members, each a name with its code."""
    return f"{{{','.join(f'{name!r}:{code}' for name, code in members)}}}"


@lru_cache(COMPILED)
def _compiled(code: str) -> Callable[..., Build]:
    found: dict[str, Any] = {}
    exec(code, found)  # noqa: S102 (names of the schema and aliases, each a literal)
    make: Callable[..., Build] = found["make"]
    return make
