"""Runs operations, the same way whichever transport has brought them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from typing import Any, Protocol, TypeGuard, cast
from uuid import UUID

import orjson
import strawberry
from graphql import ExecutionResult, Executor, create_source_event_stream, execute
from starlette.datastructures import Headers
from strawberry.execution import optimized_is_awaitable

from auth.session import ViewerSession
from auth.viewer import Viewer
from db.problem import Problem
from graph.http.answer import Answer, missing_scopes, out_of_scope, refused
from graph.http.correlation import CORRELATION, told_by
from graph.http.documents import Document, Documents, Operation
from graph.http.errors import (
    MOST,
    Error,
    Refusal,
    Reporter,
    described,
    sent_values,
    without_suggestions,
)
from graph.http.idempotency import MARK as KEYED
from graph.http.idempotency import REPLAYED, answered_once
from graph.http.limits import Limits, too_complex
from graph.http.live import Subscribing
from graph.http.metrics import Metrics
from graph.http.params import Params
from graph.settings import Settings


class Asker(Protocol):
    """What the gateway itself needs of the context that it hands to the resolvers."""

    @property
    def viewer(self) -> Viewer:
        """Who asks; anonymous when `id` is None."""

    @property
    def session(self) -> ViewerSession:
        """Their rows; asked for when a request carries an idempotency key."""

    def correlate(self, id: UUID | None) -> UUID:
        """Have what is changed from now on recorded under this id, or a new one; which it is."""


@dataclass
class Asked:
    """One operation on its way; the access log reads the facts.

    `media_type` is that of the answer, which says what its HTTP status means; `correlation_id` is
    what the changes of a mutation have in common.
    """

    params: Params
    media_type: str
    request_id: str
    facts: dict[str, Any]
    correlation_id: UUID | None = None


@dataclass(frozen=True)
class Prepared:
    """An operation that is valid and within all limits."""

    document: Document
    operation: Operation
    params: Params
    cost: int


class NotRun(Exception):
    """Nothing was run; `errors` say why."""

    def __init__(self, errors: list[Error]) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors


class Operations:
    """What all transports share of one schema; one for the life of the process.

    It runs operations with graphql-core itself and not with `strawberry.Schema.execute`, which
    would parse and validate a document anew for each request, or look it up by a hash of its tree,
    and would log errors together with the document. So extensions of the schema are not run, and a
    schema that has some is refused with ValueError.
    """

    def __init__(
        self, schema: strawberry.Schema, settings: Settings, metrics: Metrics | None = None
    ) -> None:
        if schema.extensions or schema.directives:
            raise ValueError("Extensions and directives of the schema would not be run.")
        self.schema = schema
        self.limits = Limits.of(settings)
        self.metrics = metrics or Metrics()
        self._core = schema._schema  # noqa: SLF001 (Strawberry has no other door to it)
        self.documents = Documents(self._core, self.limits, settings.document_cache)
        self._deadline = settings.operation_timeout
        self._settings = settings

    @asynccontextmanager
    async def deadline(self) -> AsyncIterator[None]:
        """The time that one operation has; after it the block ends with TIMEOUT."""
        try:
            async with asyncio.timeout(self._deadline) as deadline:
                yield
        except TimeoutError:
            if not deadline.expired():
                raise
            message = f"The operation took longer than {self._deadline:g} seconds."
            raise Problem("TIMEOUT", message) from None

    def prepare(
        self, asked: Asked, viewer: Viewer, permit: Callable[[Operation], None] = lambda _: None
    ) -> Prepared:
        """Read, validate and measure it. `permit` raises Refusal for what is not run here.

        Raises NotRun when it is not valid, not allowed or too large.
        """
        anonymous = viewer.id is None
        params = asked.params
        document = self.documents.get(params.query)
        asked.facts["document"] = document.hash
        if document.errors:
            raise NotRun([*document.errors])
        try:
            operation = document.operation(params.operation_name)
            asked.facts["operation"] = operation.kind
            permit(operation)
            if anonymous and operation.introspects:
                message = "The schema is shown to those who are signed in."
                raise Problem("UNAUTHENTICATED", message)  # noqa: TRY301 (answered as the others)
            cost = self._cost_of(operation, params)
        except Refusal:
            raise
        except Problem as problem:
            raise NotRun([described(problem)]) from None
        asked.facts["cost"] = cost
        return Prepared(document, operation, params, cost)

    def _cost_of(self, operation: Operation, params: Params) -> int:
        variables = params.variables or {}
        operation.inputs.check(variables, self.limits.list_items)
        cost = operation.cost.of(variables)
        if cost > self.limits.cost:
            raise too_complex("cost", cost, self.limits.cost)
        return cost

    async def run(self, asked: Asked, prepared: Prepared, context: Asker) -> Answer:
        """The answer to a query, or to a mutation whose key and correlation id have been read."""
        result = await self._execute(prepared.document, prepared.params, context)
        return self._told(asked, prepared, context, result)

    async def run_once(
        self, asked: Asked, prepared: Prepared, context: Asker, headers: Headers
    ) -> Answer:
        """The answer to a mutation, which may carry an idempotency key. Raises Problem."""
        key = None if context.viewer.id is None else KEYED.of(headers, prepared.params)
        asked.correlation_id = context.correlate(CORRELATION.of(headers, prepared.params))
        run = partial(self.run, asked, prepared, context)
        if key is None:
            answer = await run()
        else:
            answer = await answered_once(context.session, self._settings, key, prepared.params, run)
            asked.facts["replayed"] = replayed = REPLAYED in answer.headers
            self.metrics.keyed(replayed=replayed)
        if id := told_by(answer):
            asked.facts["correlation_id"] = id
            answer.headers = {**answer.headers, CORRELATION.header: id}
        return answer

    async def follow(self, subscribing: Subscribing, context: Asker) -> object:
        """What the subscription's root field answers: the stream to follow. Raises NotRun."""
        document, variables = subscribing.document, subscribing.variables
        assert document.node is not None  # noqa: S101 (it has no errors)
        executor = (self.schema.execution_context_class or Executor).build(
            self._core,
            document.node,
            context_value=context,
            raw_variable_values=variables,
            operation_name=subscribing.name,
            max_coercion_errors=MOST,
            is_awaitable=cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", optimized_is_awaitable),
            operation_extensions=subscribing.extensions,
        )
        if isinstance(executor, list):
            stream: object = ExecutionResult(None, executor)
        else:
            found = create_source_event_stream(executor)
            stream = await found if isawaitable(found) else found
        if isinstance(stream, ExecutionResult):
            raise NotRun(self._errors_of(stream, document, variables, subscribing.request_id))
        return stream

    async def tell(
        self, subscribing: Subscribing, context: Asker, event: object
    ) -> tuple[bytes, bool]:
        """What a subscription says of one event, and whether it would say more if asked again.

        It is an execution result as JSON, errors masked. `event` is the root value, and `context`
        has loaders that are new for it. What takes too long is told as such: it would again.
        """
        document, variables = subscribing.document, subscribing.variables
        params = Params("", variables, subscribing.name, subscribing.extensions)
        content: dict[str, Any] = {"data": None}
        try:
            async with self.deadline():
                result = await self._execute(document, params, context, event)
        except Problem as late:
            errors = [described(late)]
        else:
            content["data"] = result.data
            errors = self._errors_of(result, document, variables, subscribing.request_id)
        if errors:
            content["errors"] = errors
        return orjson.dumps(content), any(e["extensions"]["code"] == "BUSY" for e in errors)

    async def _execute(
        self, document: Document, params: Params, context: Asker, root: object = None
    ) -> ExecutionResult:
        assert document.node is not None  # noqa: S101 (it has no errors)
        result = execute(
            self._core,
            document.node,
            root_value=root,
            context_value=context,
            variable_values=params.variables,
            operation_name=params.operation_name,
            max_coercion_errors=MOST,
            executor_class=self.schema.execution_context_class,
            is_awaitable=cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", optimized_is_awaitable),
            operation_extensions=params.extensions or {},
        )
        return await result if isawaitable(result) else result

    def _errors_of(
        self,
        result: ExecutionResult,
        document: Document,
        variables: dict[str, Any] | None,
        request_id: str,
    ) -> list[Error]:
        if not result.errors:
            return []
        token = document.node.loc.start_token if document.node and document.node.loc else None
        reporter = Reporter(request_id, lambda: sent_values(variables, token))
        return [reporter.of_execution(error) for error in result.errors]

    def _told(
        self, asked: Asked, prepared: Prepared, context: Asker, result: ExecutionResult
    ) -> Answer:
        anonymous = context.viewer.id is None
        variables = prepared.params.variables
        errors = self._errors_of(result, prepared.document, variables, asked.request_id)
        if errors and result.data is None and not any("path" in error for error in errors):
            return refused(errors[:MOST], asked.media_type, anonymous=anonymous)
        if errors and result.data is not None and _out_of_scope(errors, result.data):
            return out_of_scope(errors, context.viewer)
        spent = {"requested": prepared.cost, "limit": self.limits.cost}
        # Rows are counted where they are read; a context that does not count has nothing to tell.
        if (rows := getattr(context, "rows_read", None)) is not None:
            spent["actual"] = rows
        content: dict[str, Any] = {"data": result.data}
        if errors:
            content["errors"] = [*map(without_suggestions, errors)] if anonymous else errors
        extensions: dict[str, Any] = {"cost": spent}
        content["extensions"] = extensions
        if asked.correlation_id:
            extensions[CORRELATION.member] = str(asked.correlation_id)
        return Answer(content, headers=missing_scopes(errors, context.viewer))


def _out_of_scope(errors: list[Error], data: dict[str, Any]) -> bool:
    """Whether every field at the root was refused for want of a scope."""
    refused = sum(
        1 for error in errors if "scope" in error["extensions"] and len(error["path"]) == 1
    )
    return len(data) == len(errors) == refused
