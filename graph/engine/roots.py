"""Fields at the root: each fails by itself, as far as it has not led to any row."""

from collections.abc import Callable, Coroutine, Sequence
from inspect import isawaitable
from typing import Any

from auth.policy import require_one_scope
from auth.session.write.db_errors import missing
from graph.engine.arguments import Called
from graph.engine.complete import Completer
from graph.engine.fields import raw_info
from graph.engine.pages import Many
from graph.engine.plan import ObjectPlan
from graph.engine.run import Run
from graph.engine.table import Table
from graph.kit.edges import ById

STATES = ("at_version", "as_of", "change_set")
"""The arguments that name another state than the current one."""
Complete = Callable[[], Coroutine[Any, Any, Any]]
"""Builds what the answer holds from what the field has led to."""


class Root:
    """One field at the root."""

    __slots__ = ("called", "key")
    is_planned = True
    """True if the field is read by a plan, and not by its resolver."""

    def __init__(self, key: str, called: Called) -> None:
        self.key, self.called = key, called

    async def resolve(self, run: Run) -> Complete:
        """Read what the field leads to; an error so far is an error of the field alone."""
        raise NotImplementedError


class RootResolved(Root):
    """A root field that its resolver answers."""

    __slots__ = ("_completer",)
    is_planned = False

    def __init__(self, key: str, called: Called, completer: Completer) -> None:
        super().__init__(key, called)
        self._completer = completer

    async def resolve(self, run: Run) -> Complete:
        """Call the resolver, as graphql-core does."""
        called = self.called
        arguments = called.coerced(run.variables)
        resolve = called.definition.resolve
        assert resolve is not None  # noqa: S101 (Strawberry gives each field one)
        value = resolve(run.root, raw_info(run, called), **arguments)
        if isawaitable(value):
            value = await value
        run.resolved[self.key] = value

        async def complete() -> Any:
            (done,) = await self._completer.complete(run, [value])
            return done

        return complete

    async def of_each(self, run: Run, roots: Sequence[Any]) -> list[Any]:
        """Return what the answer holds for each of these root values, built together."""
        called = self.called
        arguments = called.coerced(run.variables)
        resolve = called.definition.resolve
        assert resolve is not None  # noqa: S101 (Strawberry gives each field one)
        values = []
        for run.root in roots:
            value = resolve(run.root, raw_info(run, called), **arguments)
            values.append(await value if isawaitable(value) else value)
        return await self._completer.complete(run, values)


class RootById(Root):
    """One row by its id; one of the past by the resolver."""

    __slots__ = ("_edge", "_plan", "_resolved", "_table")

    def __init__(
        self,
        key: str,
        called: Called,
        edge: ById,
        table: Table,
        plan: ObjectPlan,
        resolved: RootResolved,
    ) -> None:
        super().__init__(key, called)
        self._edge, self._table, self._plan, self._resolved = edge, table, plan, resolved

    async def resolve(self, run: Run) -> Complete:
        """Read the row. Raises NOT_FOUND."""
        arguments = run.arguments_of(self.called)
        if any(arguments.get(state) is not None for state in STATES):
            run.repeats = True
            return await self._resolved.resolve(run)
        if scopes := self.called.scopes:
            require_one_scope(run.context.viewer, scopes)
        id = str(arguments["id"])
        record = await run.one_by_id(self._table, id)
        if record is None:
            raise missing(self._edge.model)

        async def complete() -> Any:
            (done,) = await self._plan.of_records(run, (record,))
            return done

        return complete


class RootPage(Root):
    """A list."""

    __slots__ = ("_many",)

    def __init__(self, key: str, called: Called, many: Many) -> None:
        super().__init__(key, called)
        self._many = many

    async def resolve(self, run: Run) -> Complete:
        """Read the page."""
        if scopes := self.called.scopes:
            require_one_scope(run.context.viewer, scopes)
        asked, rows = await self._many.at_root(run)

        async def complete() -> Any:
            return await self._many.build_root(run, asked, rows)

        return complete
