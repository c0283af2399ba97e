"""Complete values: what a resolver answered becomes what the answer holds, a level at a time.

Follows section 6.4.3 of the GraphQL specification. What would be an error raises: the operation is
then run by graphql-core, which tells where it is.
"""

from collections.abc import Callable, Sequence
from typing import Any

from graphql import (
    GraphQLAbstractType,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    default_type_resolver,
)

from graph.engine.plan import ObjectPlan
from graph.engine.run import Run


class Completer:
    """Completes values of one type."""

    __slots__ = ()

    async def complete(self, run: Run, values: Sequence[Any]) -> list[Any]:
        """Return what each value is in the answer; null stays null."""
        raise NotImplementedError


class Leaf(Completer):
    """Scalars and enumerations."""

    __slots__ = ("_serialize",)

    def __init__(self, serialize: Callable[[Any], Any]) -> None:
        self._serialize = serialize

    async def complete(self, run: Run, values: Sequence[Any]) -> list[Any]:  # noqa: ARG002
        """Return each value as the scalar writes it."""
        serialize = self._serialize
        return [None if value is None else _present(serialize(value)) for value in values]


class Required(Completer):
    """The value of a field whose type is non-null."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Completer) -> None:
        self._inner = inner

    async def complete(self, run: Run, values: Sequence[Any]) -> list[Any]:
        """Return each value; raise GraphQLError for one that is null."""
        done = await self._inner.complete(run, values)
        if None in done:
            raise GraphQLError("Cannot return null for a field that is never null.")
        return done


class Listed(Completer):
    """Lists."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Completer) -> None:
        self._inner = inner

    async def complete(self, run: Run, values: Sequence[Any]) -> list[Any]:
        """Return each list, all of whose items are completed together."""
        lists = [None if value is None else _items(value) for value in values]
        flat = [item for items in lists if items is not None for item in items]
        done = await self._inner.complete(run, flat) if flat else []
        found: list[Any] = []
        at = 0
        for items in lists:
            if items is None:
                found.append(None)
            else:
                found.append(done[at : at + len(items)])
                at += len(items)
        return found


class Object(Completer):
    """Objects of one type."""

    __slots__ = ("_plan",)

    def __init__(self, plan: ObjectPlan) -> None:
        self._plan = plan

    async def complete(self, run: Run, values: Sequence[Any]) -> list[Any]:
        """Return an object for each value."""
        return await _where_present(values, lambda there: self._plan.of_objects(run, there))


class Abstract(Completer):
    """Objects of an interface or union, each by the plan of its own type."""

    __slots__ = ("_info", "_known", "_plan_for", "_type")

    def __init__(
        self,
        type_: GraphQLAbstractType,
        plan_for: Callable[[GraphQLObjectType], ObjectPlan],
        info: Callable[[Run], GraphQLResolveInfo[Any]],
    ) -> None:
        self._type, self._plan_for, self._info = type_, plan_for, info
        self._known: dict[type, ObjectPlan] = {}

    async def complete(self, run: Run, values: Sequence[Any]) -> list[Any]:
        """Return an object for each value, those of one type built together."""
        return await _where_present(values, lambda there: self._objects(run, there))

    async def _objects(self, run: Run, values: Sequence[Any]) -> list[Any]:
        places: dict[int, tuple[ObjectPlan, list[int]]] = {}
        for place, value in enumerate(values):
            plan = self._known.get(type(value)) or self._learn(run, value)
            places.setdefault(id(plan), (plan, []))[1].append(place)
        found: list[Any] = [None] * len(values)
        for plan, among in places.values():
            built = await plan.of_objects(run, [values[place] for place in among])
            for place, one in zip(among, built, strict=True):
                found[place] = one
        return found

    def _learn(self, run: Run, value: Any) -> ObjectPlan:
        """Return the plan for values of this class, which alone says what they are."""
        info = self._info(run)
        resolve = self._type.resolve_type or default_type_resolver
        name = resolve(value, info, self._type)
        type_ = info.schema.get_type(name) if isinstance(name, str) else None
        if not isinstance(type_, GraphQLObjectType):
            raise GraphQLError(f"No type of {self._type} is that of the value.")
        plan = self._known[type(value)] = self._plan_for(type_)
        return plan


def _present(value: Any) -> Any:
    if value is None:
        raise GraphQLError("A value is written as null.")
    return value


def _items(value: Any) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, str | bytes | dict):
        raise GraphQLError("Expected a list.")
    return list(value)


async def _where_present(values: Sequence[Any], build: Callable[[Sequence[Any]], Any]) -> list[Any]:
    if None not in values:
        return list(await build(values)) if values else []
    there = [value for value in values if value is not None]
    built = iter(await build(there) if there else ())
    return [None if value is None else next(built) for value in values]
