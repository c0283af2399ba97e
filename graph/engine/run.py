"""One run of an operation: the rows it reads, and what is asked for together."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLResolveInfoHelpers,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable

from auth.policy import require_signed_in, require_token_scope
from auth.session import Select, ViewerSession
from db.base import Readable
from db.problem import Problem
from graph.engine.arguments import Called
from graph.engine.table import Table

Read = Callable[[list[str]], Awaitable[dict[str, Any]]]
"""Answers many keys with one statement."""


class NotJoined(Exception):
    """The viewer's token does not allow to read rows that a statement joins."""


async def _gather(*_: object) -> list[object]:
    return []


HELPERS = GraphQLResolveInfoHelpers(gather=_gather, track=lambda _: None)


class Run:
    """One run of an operation: the rows and the arguments that it has read."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDefinitionNode],
        variables: VariableValues,
        context: Any,
        root: Any,
    ) -> None:
        self._schema, self._operation, self._fragments = schema, operation, fragments
        self.variables, self.context, self.root = variables, context, root
        self.arguments: dict[Any, Any] = {}
        self.resolved: dict[str, Any] = {}
        """The results or errors of the resolvers at the root, by the name of the field."""
        self.broken: BaseException | None = None
        """The first error beneath the root."""
        self.repeats = False
        """True once rows were read that several rows may share, against the plan."""
        self._batches: dict[tuple[Table, str], Batch] = {}

    @property
    def session(self) -> ViewerSession:
        """Return the viewer's session."""
        session: ViewerSession = self.context.session
        return session

    def info(
        self, definition: GraphQLField, nodes: list[FieldNode], parent: GraphQLObjectType
    ) -> GraphQLResolveInfo[Any]:
        """Return what graphql-core tells resolvers of a field."""
        name = nodes[0].name.value
        path = Path(None, (nodes[0].alias or nodes[0].name).value, parent.name)
        return GraphQLResolveInfo(
            name,
            nodes,
            definition.type,
            parent,
            path,
            self._schema,
            self._fragments,
            self.root,
            self._operation,
            self.variables,
            self.context,
            optimized_is_awaitable,  # type: ignore[arg-type]
            None,
            HELPERS,
        )

    def require_read(self, model: Readable) -> None:
        """Refuse to read rows of this model, as every read of them does."""
        viewer = self.context.viewer
        require_signed_in(viewer)
        if viewer.scopes is not None:
            require_token_scope(viewer, "read", model)

    def require_joined(self, select: Select) -> None:
        """Require the scopes of the rows joined. Raises NotJoined: these alone are refused."""
        if select.joins and self.context.viewer.scopes is not None:
            try:
                for join in select.joins:
                    self.require_read(join.model)
            except Problem as refused:
                raise NotJoined from refused

    async def fetch(self, select: Select, values: Mapping[str, Any]) -> list[Any]:
        """Return the records of a planned statement."""
        self.require_joined(select)
        records: list[Any] = await self.session.fetch(select, values)
        return records

    async def load(
        self, table: Table, kind: str, keys: Iterable[str], read: Read
    ) -> Mapping[str, Any]:
        """Return what `read` finds for these keys, together with what others ask for now."""
        batch = self._batches.get((table, kind))
        if batch is None:
            batch = self._batches[table, kind] = Batch(read, alone=table.readers == 1)
        return await batch.load(keys)

    async def by_id(self, table: Table, ids: Iterable[str]) -> Mapping[str, Any]:
        """Return the records with these ids, and perhaps others that were read before."""
        return await self.load(table, "id", ids, partial(self._rows, table))

    async def one_by_id(self, table: Table, id: str) -> Any:
        """Return the record with this ID, None where there is none."""
        if table.readers == 1:  # nobody else asks for rows of this table
            return (await self._rows(table, (id,))).get(id)
        return (await self.by_id(table, [id])).get(id)

    async def _rows(self, table: Table, ids: Sequence[str]) -> dict[str, Any]:
        self.require_read(table.model)
        identity = table.identity
        if identity is None:
            identity = table.identity = table.outputs.need("id", "text")
        selects = table.statements.selects
        if (select := selects.get("id")) is None:
            outputs, joins = (*table.outputs.listed,), (*table.outputs.joins,)
            select = selects["id"] = Select(table.model, outputs, parents="id", joins=joins)
        self.require_joined(select)
        records = await self.session.fetch_by_id(select, ids, identity)
        return {record[identity]: record for record in records}

    async def together(self, reading: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        """Return what each answers, after all have ended; raise the first error among them."""
        if len(reading) == 1:
            return [await reading[0]]
        done = await asyncio.gather(*reading, return_exceptions=True)
        for one in done:
            if isinstance(one, BaseException):
                raise one
        return done

    def arguments_of(self, called: Called) -> dict[str, Any]:
        """Return the arguments of a field, by the names of the function that it calls."""
        fixed = called.fixed
        if fixed is not None:
            return fixed
        found: dict[str, Any] | None = self.arguments.get(called)
        if found is None:
            found = self.arguments[called] = called.read(self.variables)
        return found

    def is_searched(self, called: Called) -> bool:
        """Return whether the arguments of a connection hold words to find."""
        search = self.arguments_of(called).get("search")
        return bool(search and search.strip())

    def forget(self) -> None:
        """Drop what was read before a write."""
        self._batches.clear()

    def end(self) -> None:
        """Let go of what was read: batches refer to the run, and errors to what ran."""
        self._batches.clear()
        self.arguments.clear()
        self.resolved, self.broken = {}, None


class Batch:
    """Reads by key: all keys requested in one turn of the event loop are one statement."""

    __slots__ = ("_alone", "_known", "_next", "_read", "_wanted")

    def __init__(self, read: Read, *, alone: bool) -> None:
        """`alone` is for what only one field asks for: it need not wait for others."""
        self._read, self._alone = read, alone
        self._known: dict[str, Any] = {}
        self._wanted: dict[str, None] = {}
        self._next: asyncio.Task[None] | None = None

    async def load(self, keys: Iterable[str]) -> Mapping[str, Any]:
        """Return what is known by key, after reading what is not; None where there is nothing."""
        known = self._known
        wanted = [key for key in keys if key not in known]
        if not wanted:
            return known
        if self._alone:
            await self._learn(wanted)
            return known
        self._wanted.update(dict.fromkeys(wanted))
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._learn_next())
        await self._next
        return known

    async def _learn_next(self) -> None:
        wanted, self._wanted, self._next = [*self._wanted], {}, None
        await self._learn(wanted)

    async def _learn(self, wanted: list[str]) -> None:
        found = await self._read(wanted)
        self._known.update(dict.fromkeys(wanted))
        self._known.update(found)
