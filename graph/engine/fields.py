"""The fields of a plan: columns, edges to one row, and what a resolver answers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from inspect import isawaitable, iscoroutine
from typing import Any, cast
from uuid import UUID

from graphql import GraphQLEnumType, GraphQLResolveInfo
from sqlalchemy import Enum
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info

from graph.engine.arguments import Called
from graph.engine.build import literal
from graph.engine.complete import Completer
from graph.engine.plan import Field, ObjectPlan
from graph.engine.run import Run
from graph.engine.table import Table
from graph.kit.edges import ToOne


class Labels:
    """The names of an enumeration's values, by the labels that PostgreSQL has for them."""

    __slots__ = ("name", "names")

    def __init__(self, type_: GraphQLEnumType, column: Enum) -> None:
        class_: Any = column.enum_class
        self.name = f"names_of_{type_.name}"
        self.names: dict[str | None, str | None] = {None: None}
        self.names.update((label, type_.serialize(class_(label))) for label in column.enums)


class Constant(Field):
    """The name of the type."""

    __slots__ = ("_value",)

    def __init__(self, key: str, value: str) -> None:
        super().__init__(key)
        self._value = value

    @property
    def source(self) -> str:
        """Return the name as a literal."""
        return repr(self._value)

    async def of_objects(self, run: Run, objects: Sequence[Any]) -> list[Any]:  # noqa: ARG002
        """Return the name for each."""
        return [self._value] * len(objects)


class Attribute(Field):
    """A field that is an attribute of the object; of a planned record, one of its columns."""

    __slots__ = ("_code", "_completer", "_labels", "_name")

    def __init__(
        self,
        key: str,
        name: str,
        completer: Completer,
        code: str | None = None,
        labels: Labels | None = None,
    ) -> None:
        """`code` reads it from a record, with the names of `labels`; None if a look is needed."""
        super().__init__(key)
        self._name, self._completer, self._code = name, completer, code
        self._labels = labels

    @property
    def source(self) -> str | None:
        """Return the code that reads the column."""
        return self._code

    @property
    def names(self) -> Mapping[str, Any]:
        """Return the names of the labels."""
        return {self._labels.name: self._labels.names} if self._labels else {}

    async def of_records(self, run: Run, records: Sequence[Any]) -> list[Any]:
        """Return what each record holds, completed."""
        return await self.of_objects(run, records)

    async def of_objects(self, run: Run, objects: Sequence[Any]) -> list[Any]:
        """Return what each object has, completed."""
        name = self._name
        return await self._completer.complete(run, [getattr(one, name) for one in objects])


class One(Field):
    """The row that a key names: all rows of a level with one statement."""

    __slots__ = ("_edge", "_identity", "_place", "_plan", "_table")

    def __init__(
        self, key: str, edge: ToOne, plan: ObjectPlan, table: Table, place: int | None
    ) -> None:
        """`place` is that of the key, as text, in the records of the level above."""
        super().__init__(key)
        self._edge, self._plan, self._table, self._place = edge, plan, table, place
        self._identity = table.outputs.need("id", "text")

    async def of_records(self, run: Run, records: Sequence[Any]) -> list[Any]:
        """Return the object that each record's key names."""
        place = self._place
        return await self._named(run, [record[place] for record in records])

    async def of_objects(self, run: Run, objects: Sequence[Any]) -> list[Any]:
        """Return the object that each one's key names, as it was in the past of its row."""
        keys: list[UUID | None] = [getattr(one, self._edge.key) for one in objects]
        pasts = [run.context.past_of(one) for one in objects]
        if any(pasts):
            return await self._plan.of_pasts(run, self._edge.model, keys, pasts)
        return await self._named(run, [None if key is None else str(key) for key in keys])

    async def _named(self, run: Run, keys: list[str | None]) -> list[Any]:
        wanted = dict.fromkeys(key for key in keys if key is not None)
        if not wanted:
            return [None] * len(keys)
        known = await run.by_id(self._table, wanted)
        records = [record for key in wanted if (record := known.get(key)) is not None]
        built = await self._plan.of_records(run, records)
        identity = self._identity
        found = {record[identity]: one for record, one in zip(records, built, strict=True)}
        return [key and found.get(key) for key in keys]


class Joined(One):
    """The row that a key names, read with the rows of the level by the same statement."""

    __slots__ = ("_joined", "_present")

    def __init__(
        self,
        key: str,
        edge: ToOne,
        plan: ObjectPlan,
        table: Table,
        joined: Sequence[Field],
        present: int,
    ) -> None:
        """Take its columns in the records of the level as `joined`, and its ID at `present`."""
        super().__init__(key, edge, plan, table, None)
        self._joined, self._present = joined, present

    @property
    def source(self) -> str:
        """Return the code of the object; null where the viewer may not see the row."""
        members = [(field.key, str(field.source)) for field in self._joined]
        return f"None if c{self._present} is None else {literal(members)}"

    @property
    def names(self) -> Mapping[str, Any]:
        """Return what its columns name."""
        return {name: value for field in self._joined for name, value in field.names.items()}


class Resolved(Field):
    """A field whose resolver is called for each object; coroutines are awaited together."""

    __slots__ = ("_called", "_completer", "_name")

    def __init__(self, key: str, called: Called, completer: Completer) -> None:
        super().__init__(key)
        self._called, self._completer = called, completer
        self._name = called.declared.python_name

    @property
    def resolver(self) -> Any:
        """Return the function that answers; None for an attribute."""
        resolver = self._called.declared.base_resolver
        return resolver.wrapped_func if resolver else None

    async def of_records(self, run: Run, records: Sequence[Any]) -> list[Any]:
        """Return the completed answer for each record, which holds the columns declared."""
        return await self.of_objects(run, records)

    async def of_objects(self, run: Run, objects: Sequence[Any]) -> list[Any]:
        """Return the completed answer for each object."""
        call = caller(run, self._called)
        found: list[Any] = []
        try:
            found.extend(map(call, objects))
        except BaseException:
            discard(found)
            raise
        return await self._completer.complete(run, await awaited(found))


def caller(run: Run, called: Called) -> Callable[[Any], Any]:
    """Return what calls the resolver of a field beneath the root with an object.

    Its arguments are read once for all objects, and without Strawberry's wrapper around it.
    """
    declared, resolver = called.declared, called.declared.base_resolver
    if resolver is None:
        name = declared.python_name
        return lambda one: getattr(one, name)
    named = dict(run.arguments_of(called))
    if resolver.info_parameter:
        named[resolver.info_parameter.name] = strawberry_info(run, called)
    function = cast(Callable[..., Any], resolver.wrapped_func)
    if resolver.self_parameter:
        return lambda one: function(one, **named)
    parent = resolver.parent_parameter or resolver.root_parameter
    if parent is None:
        return lambda _: function(**named)
    name = parent.name
    return lambda one: function(**named, **{name: one})


def strawberry_info(run: Run, called: Called) -> Info[Any, Any]:
    """Return what resolvers are told of the field."""
    declared: StrawberryField = called.declared
    info: Info[Any, Any] = called.config.info_class(
        _raw_info=raw_info(run, called), _field=declared
    )
    return info


def raw_info(run: Run, called: Called) -> GraphQLResolveInfo[Any]:
    """Return graphql-core's account of the field. It has no path: one call is for many objects."""
    return run.info(called.definition, called.nodes, called.parent)


def discard(found: Sequence[Any]) -> None:
    """Close what nobody will wait for."""
    for one in found:
        if iscoroutine(one):
            one.close()


async def awaited(found: list[Any]) -> list[Any]:
    """Return the values, after waiting for all that are to come. Raises the first error."""
    waiting = [place for place, one in enumerate(found) if isawaitable(one)]
    if not waiting:
        return found
    if len(waiting) == 1:
        (place,) = waiting
        found[place] = await found[place]
        return found
    done = await asyncio.gather(*(found[place] for place in waiting), return_exceptions=True)
    for place, one in zip(waiting, done, strict=True):
        if isinstance(one, BaseException):
            raise one
        found[place] = one
    return found
