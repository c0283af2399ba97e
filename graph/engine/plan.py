"""Plans: what an operation reads, level by level, and how its answer is built from that."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from graphql import FragmentDefinitionNode, GraphQLObjectType, OperationDefinitionNode

from auth.session import Past
from db.base import Readable
from graph.engine.build import Build
from graph.engine.run import Run
from graph.engine.unplanned import Unplanned
from graph.engine.variables import Variables

MAX_PLANS = 16
"""Plans of one operation that are kept: one for each combination of @skip and @include."""
YIELD_EVERY = 2_000
"""Objects that are built before other requests have their turn: two milliseconds or so."""


class Field:
    """One field of the objects of a plan."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key
        """Its name in the answer."""

    @property
    def source(self) -> str | None:
        """Return Python code for its value from the columns of a record; None if it needs more."""
        return None

    @property
    def names(self) -> Mapping[str, Any]:
        """Return what the code names besides columns."""
        return {}

    async def of_records(self, run: Run, records: Sequence[Any]) -> list[Any]:
        """Return its completed value for each record of a planned statement."""
        raise NotImplementedError

    async def of_objects(self, run: Run, objects: Sequence[Any]) -> list[Any]:
        """Return its completed value for each object."""
        raise NotImplementedError


@dataclass(eq=False, slots=True)
class ObjectPlan:
    """The plan by which objects of one type are built.

    Of the records of a planned statement most fields are columns, which generated code puts in
    their places. Of any other object, each field is asked for by itself.
    """

    type: GraphQLObjectType
    fields: list[Field] = field(default_factory=list)
    rest: list[Field] = field(default_factory=list)
    """The fields that are no columns of a record."""
    build: Build | None = None
    """Build objects of records and of the values of `rest`."""

    async def of_records(self, run: Run, records: Sequence[Any]) -> list[Any]:
        """Return an object for each record of a planned statement."""
        build = self.build
        assert build is not None  # noqa: S101 (a planned statement has made them)
        if not records:
            return []
        rest = [field.of_records(run, records) for field in self.rest]
        values = await run.together(rest) if rest else []
        if len(records) <= YIELD_EVERY:
            return build(records, *values)
        found: list[Any] = []
        for start in range(0, len(records), YIELD_EVERY):
            end = start + YIELD_EVERY
            found += build(records[start:end], *(column[start:end] for column in values))
            await asyncio.sleep(0)
        return found

    async def of_objects(self, run: Run, objects: Sequence[Any]) -> list[Any]:
        """Return an object for each of these, whatever they are."""
        if not objects or not self.fields:
            return [{} for _ in objects]
        values = await run.together([field.of_objects(run, objects) for field in self.fields])
        keys = [field.key for field in self.fields]
        return [dict(zip(keys, own, strict=True)) for own in zip(*values, strict=True)]

    async def of_pasts(
        self,
        run: Run,
        model: Readable,
        keys: Sequence[UUID | None],
        pasts: Sequence[Past | None],
    ) -> list[Any]:
        """Return the objects of the rows with these IDs, each as it was then."""
        found: dict[tuple[UUID, Past | None], Any] = {}
        for past in dict.fromkeys(pasts):
            pairs = zip(keys, pasts, strict=True)
            wanted = list(dict.fromkeys(key for key, own in pairs if key and own == past))
            if not wanted:
                continue
            pages = await run.session.pages(model, "id", wanted, past=past)
            there = [key for key in wanted if pages.get(key)]
            built = await self.of_objects(run, [pages[key][0] for key in there])
            for key, one in zip(there, built, strict=True):
                found[key, past] = one
        return [key and found.get((key, past)) for key, past in zip(keys, pasts, strict=True)]


@dataclass(eq=False, slots=True)
class OperationPlan:
    """An operation, compiled for one combination of its conditions."""

    type: GraphQLObjectType
    roots: list[Any]
    serial: bool
    uses: int | None
    """The maximum number of times that the answer holds a byte read; None if it is unknown: a row
    that many rows name is written for each of them, and resolvers write what they like."""
    width: int
    """Bytes of an answer for each row, at most, beside the texts that were read."""

    def largest(self, rows: int, received: float) -> float | None:
        """Return the bytes of an answer from these rows and bytes, at most, if that is known."""
        return None if self.uses is None else self.uses * received + self.width * (rows + 1)


class Plans:
    """The plans of one operation, by the values of the variables in its @skip and @include."""

    __slots__ = ("_known", "conditions", "fragments", "operation", "variables")

    def __init__(
        self,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDefinitionNode],
    ) -> None:
        self.operation, self.fragments = operation, fragments
        self.conditions: tuple[str, ...] | None = None
        """The names of these variables; None before the operation is first run."""
        self.variables: Variables | None = None
        """All variables of the operation, likewise."""
        self._known: dict[tuple[Any, ...], OperationPlan | Unplanned] = {}

    def get(self, key: tuple[Any, ...]) -> "OperationPlan | Unplanned | None":
        """Return the plan for these values, if there is one."""
        return self._known.get(key)

    def keep(self, key: tuple[Any, ...], plan: "OperationPlan | Unplanned") -> None:
        """Keep a plan, instead of the oldest where there are many."""
        if len(self._known) >= MAX_PLANS:
            self._known.pop(next(iter(self._known)))
        self._known[key] = plan
