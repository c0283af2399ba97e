"""The operations that bulk jobs run: those of requests, without a rate and without a connection."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from graphql import GraphQLSchema, ListTypeNode, NonNullTypeNode

from auth.session import ViewerSession
from db.problem import Problem
from graph.http.operation.answer import Answer
from graph.http.operation.documents import Document, Operation
from graph.http.operation.errors import described
from graph.http.operation.idempotency import answered_once
from graph.http.operation.json_text import read_json
from graph.http.operation.operations import Operations
from graph.http.operation.params import Params
from graph.http.operation.size import require_size
from graph.kit.context import Context
from graph.platform.bulk.port import Content
from graph.settings import Settings

REPEATED = frozenset({"BUSY", "TIMEOUT", "INTERNAL"})
"""The codes of errors after which a job is attempted again, from where it was."""


class Bulk:
    """Runs operations of the API for jobs, one after the other."""

    def __init__(
        self,
        operations: Operations,
        settings: Settings,
        context_of: Callable[[ViewerSession], Context],
    ) -> None:
        self._operations, self._settings, self._context_of = operations, settings, context_of

    @property
    def schema(self) -> GraphQLSchema:
        """Return the schema of the operations."""
        return self._operations.documents.schema

    def require(self, text: str, kind: str, field: Sequence[str | int]) -> None:
        """Raise INVALID unless the text is one valid operation of the kind, within the limits."""
        document = self._operations.documents.get(text)
        if document.errors:
            errors = [str(error["message"]) for error in document.errors]
            raise Problem("INVALID", errors[0], field=field, messages=errors)
        if len(document.operations) != 1:
            raise Problem("INVALID", "The document has several operations.", field=field)
        operation = document.operation(None)
        if operation.kind != kind:
            raise Problem("INVALID", f"This is a {operation.kind}, and no {kind}.", field=field)
        if operation.introspects:
            raise Problem("INVALID", "Introspection is not run by jobs.", field=field)

    def declared(self, text: str) -> Mapping[str, bool]:
        """Return the variables that a valid operation declares, and whether each is a list."""
        node = self._operations.documents.get(text).operation(None).node
        found = {}
        for definition in node.variable_definitions or ():
            type_ = definition.type
            type_ = type_.type if isinstance(type_, NonNullTypeNode) else type_
            found[definition.variable.name.value] = isinstance(type_, ListTypeNode)
        return found

    def parsed(self, line: bytes) -> Any:
        """Return the value of a text in JSON, as those of a request are read. Raises INVALID."""
        try:
            return read_json(line, "The line")
        except Problem as problem:
            raise Problem("INVALID", problem.message) from None

    async def query(
        self, session: ViewerSession, text: str, variables: Mapping[str, Any]
    ) -> Content:
        """Return the answer of a query. Raises BUSY or TIMEOUT where another attempt may help."""
        return await self._answered(session, text, variables, None)

    async def mutate(
        self, session: ViewerSession, text: str, variables: Mapping[str, Any], key: str
    ) -> Content:
        """Return the answer of a mutation: that of the first run with this idempotency key."""
        return await self._answered(session, text, variables, key)

    async def _answered(
        self, session: ViewerSession, text: str, variables: Mapping[str, Any], key: str | None
    ) -> Content:
        # What a session has read is counted, and limited, for one operation.
        session = ViewerSession(session.database, session.viewer, session.origin)
        params = Params(text, dict(variables))
        document = self._operations.documents.get(text)
        if document.errors:  # the schema has changed since
            return {"errors": [*document.errors]}
        operation = document.operation(None)
        try:
            self._operations.cost_of(operation, params)
        except Problem as problem:
            return {"errors": [described(problem)]}
        context = self._context_of(session)
        run = partial(self._run, context, document, operation, params)
        try:
            with self._operations.deadline():
                if key is None:
                    answer = await run()
                else:
                    context.correlate(None)
                    answer = await answered_once(session, self._settings, key, params, run)
        finally:
            context.end()
        _require_final(answer.content)
        return answer.content

    async def _run(
        self, context: Context, document: Document, operation: Operation, params: Params
    ) -> Answer:
        operations = self._operations
        result = await operations.executions.run(document, params, context)
        operations.used(context.viewer, operation.kind, context.rows_read)
        variables = params.variables
        errors = operations.errors_of(result, document, variables, f"bulk {uuid4()}")
        require_size(result.data, operations.limits.answer)
        if result.data is None and errors and not any("path" in error for error in errors):
            return Answer({"errors": errors})
        content: dict[str, Any] = {"data": result.data}
        if errors:
            content["errors"] = errors
        return Answer(content)


def _require_final(content: Content) -> None:
    """Raise the problem of an answer that another attempt may not have."""
    for error in content.get("errors") or ():
        if (code := error["extensions"]["code"]) in REPEATED:
            raise Problem("BUSY" if code == "INTERNAL" else code, str(error["message"]))
