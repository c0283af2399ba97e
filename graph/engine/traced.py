"""An engine that traces what each field reads for all objects of a level."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from inspect import iscoroutinefunction
from typing import Any

import strawberry
from graphql import GraphQLError

from graph.engine.compile import Compiler
from graph.engine.execute import Engine
from graph.engine.fields import Joined, One, Resolved
from graph.engine.pages import Many
from graph.engine.plan import Field
from graph.engine.roots import Root
from graph.engine.run import Run

Trace = Callable[[str, int | None], AbstractContextManager[Callable[[BaseException], None]]]
"""Traces a field, named by its coordinate in the schema, for a number of parents; the function that
it gives is told of an error."""


class TracedEngine(Engine):
    """An engine that traces fields at the root, and those beneath it that read."""

    def __init__(self, schema: strawberry.Schema, trace: Trace) -> None:
        super().__init__(schema)
        self._trace = trace

    def _compiler(self, *arguments: Any) -> Compiler:
        return _Compiler(self._trace, *arguments)

    async def _field(self, root: Any, run: Run) -> tuple[Any, GraphQLError | None]:
        if not isinstance(root, Root):
            return await super()._field(root, run)
        called = root.called
        with self._trace(f"{called.parent.name}.{called.nodes[0].name.value}", None) as fail:
            value, error = await super()._field(root, run)
            if failure := error or run.broken:
                fail(failure)
            return value, error


class _Compiler(Compiler):
    def __init__(self, trace: Trace, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._trace = trace

    def made(self, name: str, field: Field) -> Field:
        """Return the field, traced if it reads."""
        if isinstance(field, Resolved):
            reads = iscoroutinefunction(field.resolver)
        else:
            reads = isinstance(field, One | Many) and not isinstance(field, Joined)
        return _Traced(field, name, self._trace) if reads else field


class _Traced(Field):
    """A field whose reads are traced."""

    __slots__ = ("_field", "_name", "_trace")

    def __init__(self, field: Field, name: str, trace: Trace) -> None:
        super().__init__(field.key)
        self._field, self._name, self._trace = field, name, trace

    async def of_records(self, run: Run, records: Sequence[Any]) -> list[Any]:
        """Return what the field has for each record."""
        with self._trace(self._name, len(records)):
            return await self._field.of_records(run, records)

    async def of_objects(self, run: Run, objects: Sequence[Any]) -> list[Any]:
        """Return what the field has for each object."""
        with self._trace(self._name, len(objects)):
            return await self._field.of_objects(run, objects)
