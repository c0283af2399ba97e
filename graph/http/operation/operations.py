"""Runs operations in the same way for every transport."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import orjson
import strawberry
from graphql import (
    ExecutionResult,
    create_source_event_stream,
)
from starlette.datastructures import Headers

from auth.refusals import Refusals
from auth.session import ViewerSession
from auth.viewer import Viewer
from db.problem import Problem
from graph.http.operation.answer import (
    Answer,
    lacks_credential,
    out_of_scope,
    refused,
    unauthenticated,
)
from graph.http.operation.correlation import CORRELATION, told_by
from graph.http.operation.deadline import Deadline
from graph.http.operation.documents import Document, Documents, Operation
from graph.http.operation.errors import (
    MAX_ERRORS,
    Error,
    Refusal,
    Reporter,
    described,
    sent_values,
    without_suggestions,
)
from graph.http.operation.execution import Executions, Without
from graph.http.operation.idempotency import MARK as KEYED
from graph.http.operation.idempotency import REPLAYED, answered_once
from graph.http.operation.limits import Limits, too_complex
from graph.http.operation.metrics import Metrics
from graph.http.operation.params import Params, ignored_in
from graph.http.operation.persisted import PersistedQueries
from graph.http.operation.ports import Subscribing
from graph.http.operation.rate_limits import Charge, RateLimits
from graph.http.operation.refusals import is_noted, note
from graph.http.operation.release import forget_frames, released
from graph.http.operation.size import require_size
from graph.settings import Settings

if TYPE_CHECKING:
    from graph.tracing import Tracing

NOT_TRACED = nullcontext()


class Asker(Protocol):
    """The members that the transports use of the context that is passed to resolvers."""

    spend: Callable[[int], None]
    """Takes further cost from what the viewer may ask for."""

    @property
    def viewer(self) -> Viewer:
        """Return the viewer; anonymous when `id` is None."""

    @property
    def session(self) -> ViewerSession:
        """Return the viewer's session, which a request with an idempotency key uses."""

    def correlate(self, id: UUID | None) -> UUID:
        """Record later changes under this correlation ID, or a new one; return it."""

    def end(self) -> None:
        """Release the rows that were read for one operation."""


@dataclass(slots=True)
class OperationRequest:
    """One operation in progress; the access log reads its attributes.

    `media_type` is that of the answer, which decides the meaning of its HTTP status;
    `correlation_id` is shared by the changes of a mutation; `address` is that of the client.
    """

    params: Params
    media_type: str
    request_id: str
    facts: dict[str, Any]
    correlation_id: UUID | None = None
    address: str | None = None


@dataclass(slots=True)
class Prepared:
    """An operation that is valid and within all limits."""

    document: Document
    operation: Operation
    params: Params
    cost: int
    charge: Charge


class NotRun(Exception):
    """Nothing was run; `errors` has the reasons."""

    def __init__(self, errors: list[Error]) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors


class Operations:
    """The operations of one schema, shared by all transports; one for the life of the process.

    It runs operations with graphql-core itself and not with `strawberry.Schema.execute`, which
    would parse and validate a document anew for each request, or look it up by a hash of its tree,
    and would log errors together with the document. So extensions of the schema are not run, and a
    schema that has some is refused with ValueError.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        settings: Settings,
        metrics: Metrics | None = None,
        refusals: Refusals | None = None,
        tracing: "Tracing | None" = None,
    ) -> None:
        if schema.extensions or schema.directives:
            raise ValueError("Extensions and directives of the schema would not be run.")
        self.schema = schema
        self.limits = Limits.of(settings)
        self.metrics, self._refusals = metrics or Metrics(), refusals
        self._core = schema._schema  # noqa: SLF001 (Strawberry has no other door to it)
        self.documents = Documents(self._core, self.limits, settings.document_cache)
        self.executions = Executions(schema, self.metrics, tracing)
        self.tracing = tracing
        """Traces operations; None where nothing is traced."""
        self._persisted = PersistedQueries()
        self.rates = RateLimits(settings)
        self._deadline = settings.operation_timeout
        self._settings = settings
        self.used: Callable[[Viewer, str, int], None] = _not_recorded
        """Takes the cost of each operation that was run, by its viewer and kind."""

    def deadline(self) -> Deadline:
        """Return a deadline for one operation, after which the block ends with TIMEOUT."""
        return Deadline(self._deadline)

    def prepare(
        self,
        asked: OperationRequest,
        viewer: Viewer,
        permit: Callable[[Operation], None] = lambda _: None,
    ) -> Prepared:
        """Read, validate and measure it. `permit` raises Refusal for what is not run here.

        Raises NotRun when it is not valid, not allowed or too large, and RATE_LIMITED when a
        principal is over a rate limit.
        """
        anonymous = viewer.id is None
        try:
            params = self._persisted.complete(asked.params)
        except Problem as unknown:
            raise NotRun([described(unknown)]) from None
        document = self.documents.get(params.query)
        asked.facts["document"] = document.hash
        if document.errors:
            raise NotRun([*document.errors])
        try:
            operation = document.operation(params.operation_name)
            asked.facts["operation"] = operation.kind
            permit(operation)
            if anonymous and operation.introspects:
                message = "Introspection requires a signed-in user."
                raise Problem("UNAUTHENTICATED", message)  # noqa: TRY301 (answered as the others)
            if viewer.shared is not None:
                _require_guests(operation)
            cost = self.cost_of(operation, params)
            if not anonymous:
                self._persisted.keep(params)
        except Refusal:
            raise
        except Problem as problem:
            raise NotRun([described(problem)]) from None
        asked.facts["cost"] = cost
        charge = self.rates.spend(viewer, asked.address, cost)
        return Prepared(document, operation, params, cost, charge)

    def cost_of(self, operation: Operation, params: Params) -> int:
        if operation.is_fixed and operation.cost.fixed is not None:
            return operation.cost.fixed
        variables = params.variables or {}
        operation.arguments.check(variables, self.limits.arguments)
        conditions = operation.conditions.count(variables, self.limits.conditions)
        operation.inputs.check(variables, self.limits.list_items)
        cost = operation.cost.of(variables) + conditions
        if cost > self.limits.cost:
            raise too_complex("cost", cost, self.limits.cost)
        if operation.is_fixed:
            operation.cost.fixed = cost
        return cost

    async def run(self, asked: OperationRequest, prepared: Prepared, context: Asker) -> Answer:
        """Run a query, or a mutation whose key and correlation ID have been read.

        Raises QUERY_TOO_COMPLEX when the answer is too large; a mutation has still been done.
        """
        context.spend = prepared.charge.spend
        try:
            result = await self.executions.run(prepared.document, prepared.params, context)
        finally:
            context.end()
        read = getattr(context, "rows_read", prepared.cost)
        prepared.charge.give_back(max(prepared.cost - read, 0))
        self.used(context.viewer, prepared.operation.kind, read)
        answer = self._told(asked, prepared, context, result)
        if self._refusals and is_noted(context, answer):
            await note(self._refusals, prepared.operation.node, context, answer)
        largest = getattr(result, "largest", None)  # the walk takes a quarter of a long answer
        if largest is None or largest > self.limits.answer or answer.content.get("errors"):
            require_size(answer.content, self.limits.answer)
        if (size := len(answer.written())) > self.limits.answer:
            raise too_complex("answer", size, self.limits.answer)
        return answer

    async def run_once(
        self, asked: OperationRequest, prepared: Prepared, context: Asker, headers: Headers
    ) -> Answer:
        """Run a mutation, which may have an idempotency key. Raises Problem."""
        key = None if context.viewer.id is None else KEYED.of(headers, prepared.params)
        asked.correlation_id = context.correlate(CORRELATION.of(headers, prepared.params))
        run = partial(self.run, asked, prepared, context)
        if key is None:
            try:
                answer = await run()
            except Problem as large:
                answer = Answer({"data": None, "errors": [described(_done(large))]})
        else:
            answer = await answered_once(context.session, self._settings, key, prepared.params, run)
            asked.facts["replayed"] = replayed = REPLAYED in answer.headers
            self.metrics.keyed(replayed=replayed)
        if id := told_by(answer):
            asked.facts["correlation_id"] = id
            answer.headers = {**answer.headers, CORRELATION.header: id}
        return answer

    async def follow(self, subscribing: Subscribing, context: Asker) -> object:
        """Return the stream to follow, from the subscription's root field. Raises NotRun."""
        document, variables = subscribing.document, subscribing.variables
        assert document.node is not None  # noqa: S101 (it has no errors)
        params = Params("", variables, subscribing.name, subscribing.extensions)
        executor = self.executions.executor(document, params, context)
        if isinstance(executor, list):
            stream: object = ExecutionResult(None, executor)
        else:
            with released(executor):
                found = create_source_event_stream(executor)
                stream = await found if isawaitable(found) else found
        if isinstance(stream, ExecutionResult):
            raise NotRun(self.errors_of(stream, document, variables, subscribing.request_id))
        return stream

    async def tell_each(
        self, subscribing: Subscribing, context: Asker, events: Sequence[object]
    ) -> list[bytes] | None:
        """Return what `tell` would for each event, read together; None if one of them has errors.

        `context` is of no more use then.
        """
        params = Params("", subscribing.variables, subscribing.name, subscribing.extensions)
        try:
            with self.deadline(), self._event():
                several = await self.executions.run_each(
                    subscribing.document, params, context, events
                )
            for data in several or ():
                require_size(data, self.limits.answer)
        except Problem:
            return None
        return None if several is None else [orjson.dumps({"data": data}) for data in several]

    async def tell(
        self, subscribing: Subscribing, context: Asker, event: object
    ) -> tuple[bytes, bool]:
        """Execute a subscription for one event; return the payload, and whether a retry can help.

        The payload is an execution result as JSON, errors masked. `event` is the root value.
        `context` has new loaders for it, or for several events; the caller ends it. After a timeout
        the fields that have to be read are null, with an error TIMEOUT: the client still learns of
        the event, and has its cursor. A result that is too large is treated likewise, with
        QUERY_TOO_COMPLEX. Raises NotRun when there is no data at all.
        """
        document, variables = subscribing.document, subscribing.variables
        params = Params("", variables, subscribing.name, subscribing.extensions)
        try:
            with self.deadline(), self._event():
                result = await self.executions.run(document, params, context, event)
            require_size(result.data, self.limits.answer)
        except Problem as problem:
            result = await self.executions.run(document, params, context, event, Without(problem))
        errors = self.errors_of(result, document, variables, subscribing.request_id)
        busy = any(error["extensions"]["code"] == "BUSY" for error in errors)
        if result.data is None and not busy:
            raise NotRun(errors)
        content: dict[str, Any] = {"data": result.data}
        if errors:
            content["errors"] = errors
        return orjson.dumps(content), busy

    def traced(
        self, traceparent: str | None, facts: dict[str, Any]
    ) -> AbstractContextManager[str | None]:
        """Trace an operation, if operations are traced; `facts` tell what it was in the end."""
        tracing = self.tracing
        return NOT_TRACED if tracing is None else tracing.operation(traceparent, facts)

    def _event(self) -> AbstractContextManager[None]:
        return NOT_TRACED if self.tracing is None else self.tracing.event()

    def errors_of(
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
        errors = [reporter.of_execution(error) for error in result.errors]
        for error in result.errors:
            forget_frames(error)
        return errors

    def _told(
        self, asked: OperationRequest, prepared: Prepared, context: Asker, result: ExecutionResult
    ) -> Answer:
        anonymous = context.viewer.id is None
        variables = prepared.params.variables
        errors = self.errors_of(result, prepared.document, variables, asked.request_id)
        if errors and result.data is None and not any("path" in error for error in errors):
            return refused(errors[:MAX_ERRORS], asked.media_type, context.viewer)
        if errors and result.data is not None and _nothing_else(errors, result.data):
            if lacks_credential(errors, context.viewer):
                return unauthenticated(errors)
            if all("scope" in error["extensions"] for error in errors):
                return out_of_scope(errors, context.viewer)
        spent = {"requested": prepared.cost, "limit": self.limits.cost}
        # Rows are counted where they are read; a context that does not count has nothing to tell.
        if (rows := getattr(context, "rows_read", None)) is not None:
            spent["actual"] = rows
        content: dict[str, Any] = {"data": result.data}
        if errors:
            content["errors"] = [*map(without_suggestions, errors)] if anonymous else errors
        extensions: dict[str, Any] = {"cost": spent}
        if ignored := ignored_in(prepared.params, prepared.operation.declared):
            extensions["ignored"] = ignored
        content["extensions"] = extensions
        if asked.correlation_id:
            extensions[CORRELATION.member] = str(asked.correlation_id)
        return Answer(content)


def _not_recorded(_viewer: Viewer, _kind: str, _cost: int) -> None:
    """Record no usage: nobody asks for it."""


def _require_guests(operation: Operation) -> None:
    """Raise FORBIDDEN for what a share does not open: it is read by queries, and nothing else."""
    if operation.kind != "query" or operation.introspects:
        raise Problem("FORBIDDEN", "A share opens its object to queries without introspection.")


def _done(large: Problem) -> Problem:
    """Return the refusal of a large answer, with the note that the mutation was done."""
    message = f"{large.message} The changes have been made."
    told = large.extensions.items()
    details: dict[str, Any] = {k: v for k, v in told if k not in ("code", "retryable")}
    return Problem(large.code, message, **details)


def _nothing_else(errors: list[Error], data: dict[str, Any]) -> bool:
    """Return whether every field at the root was refused, and there are no other errors."""
    at_root = sum(1 for error in errors if len(error.get("path", ())) == 1)
    return len(data) == len(errors) == at_root
