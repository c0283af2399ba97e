"""GraphQL over HTTP: one ASGI application that answers POST and GET at /graphql."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from typing import Any, Protocol, TypeGuard, cast

import strawberry
from graphql import ExecutionResult, execute
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from strawberry.execution import optimized_is_awaitable
from uuid_utils import uuid7

from auth.session import ViewerSession
from auth.viewer import Viewer
from db.problem import Problem
from graph.http.answer import Answer, failed, missing_scopes, refused, send_answer
from graph.http.cross_site import require_same_site
from graph.http.disconnect import ended_by_disconnect
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
from graph.http.idempotency import REPLAYED, answered_once, key_of
from graph.http.limits import Limits, too_complex
from graph.http.metrics import Metrics
from graph.http.negotiate import GRAPHQL, JSON, answer_type, require_readable
from graph.http.params import Disconnected, Params, from_body, from_query_string, read_body
from graph.http.trusted import trusted_origins
from graph.settings import Settings


class Asker(Protocol):
    """What the endpoint itself needs of the context that it hands to the resolvers."""

    @property
    def viewer(self) -> Viewer:
        """Who asks; anonymous when `id` is None."""

    @property
    def session(self) -> ViewerSession:
        """Their rows; asked for when a request carries an idempotency key."""


MakeContext = Callable[[Request], Awaitable[Asker]]
"""Identifies whoever makes a request. A Problem raised here is answered with its HTTP status."""


@dataclass
class Asked:
    """One request on its way; the access log reads the facts."""

    scope: Scope
    receive: Receive
    headers: Headers
    media_type: str
    request_id: str
    facts: dict[str, Any]


class GraphQLEndpoint:
    """The application behind /graphql; one for the life of the process.

    It runs operations with graphql-core itself and not with `strawberry.Schema.execute`, which
    would parse and validate a document anew for each request, or look it up by a hash of its tree,
    and would log errors together with the document. So extensions of the schema are not run, and a
    schema that has some is refused with ValueError.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        make_context: MakeContext,
        settings: Settings,
        metrics: Metrics | None = None,
    ) -> None:
        if schema.extensions or schema.directives:
            raise ValueError("Extensions and directives of the schema would not be run.")
        self.schema = schema
        self.limits = Limits.of(settings)
        self.metrics = metrics or Metrics()
        self._core = schema._schema  # noqa: SLF001 (Strawberry has no other door to it)
        self.documents = Documents(self._core, self.limits, settings.document_cache)
        self._make_context = make_context
        self._body_limit, self._deadline = settings.body_limit, settings.operation_timeout
        self._trusted = trusted_origins(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, whatever it holds."""
        started = time.perf_counter()
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        facts: dict[str, Any] = state.setdefault("graphql", {})
        media_type = answer_type(headers.get("accept"))
        request_id = state.get("request_id") or str(uuid7())
        asked = Asked(scope, receive, headers, media_type or JSON, request_id, facts)
        with self.metrics.in_flight.track_inprogress():
            try:
                if media_type is None:
                    answer = failed(Refusal(406, f"Answers are sent as {GRAPHQL} or {JSON}."))
                else:
                    answer = await self._answer(asked)
                body = answer.written()
            except Disconnected:
                return
            except Exception as error:  # noqa: BLE001 (whatever it is, the client is answered)
                answer = failed(Reporter(request_id).of_exception(error))
                body = answer.written()
            errors = answer.content.get("errors")
            facts["code"] = errors[0]["extensions"]["code"] if errors else "OK"
            seconds = time.perf_counter() - started
            kind = facts.get("operation", "none")
            self.metrics.answered(kind, facts["code"], seconds, facts.get("cost"))
        await send_answer(send, answer, body, asked.media_type)

    async def _answer(self, asked: Asked) -> Answer:
        """Raises Refusal for what is no GraphQL request, and Problem for what stopped it."""
        method = asked.scope["method"]
        if method not in ("GET", "POST"):
            raise Refusal(405, "GET and POST are accepted.", headers={"Allow": "GET, POST"})
        require_same_site(asked.headers, self._trusted)
        if method == "POST":
            require_readable(asked.headers)
            params = from_body(await read_body(asked.headers, asked.receive, self._body_limit))
        else:
            params = from_query_string(asked.scope["query_string"])
        try:
            async with asyncio.timeout(self._deadline) as deadline:
                return await self._operate(asked, params)
        except TimeoutError:
            if not deadline.expired():
                raise
            message = f"The operation took longer than {self._deadline:g} seconds."
            raise Problem("TIMEOUT", message) from None

    async def _operate(self, asked: Asked, params: Params) -> Answer:
        context = await self._make_context(Request(asked.scope, asked.receive))
        anonymous = context.viewer.id is None
        document = self.documents.get(params.query)
        asked.facts["document"] = document.hash
        if document.errors:
            return refused(document.errors, asked.media_type, anonymous=anonymous)
        try:
            operation = document.operation(params.operation_name)
            asked.facts["operation"] = operation.kind
            self._require_allowed(operation, asked.scope["method"], anonymous=anonymous)
            cost = self._require_affordable(operation, params)
        except Refusal:
            raise
        except Problem as problem:
            return refused([described(problem)], asked.media_type, anonymous=anonymous)
        asked.facts["cost"] = cost
        run = partial(self._run, asked, document, params, context)
        if operation.kind == "query":
            async with ended_by_disconnect(asked.receive):
                return await run()
        # A mutation goes on without its client, who may have been cut off by a bad network.
        key = None if anonymous else key_of(asked.headers, params)
        if key is None:
            return await run()
        answer = await answered_once(context.session, key, params, run)
        asked.facts["replayed"] = replayed = REPLAYED in answer.headers
        self.metrics.keyed(replayed=replayed)
        return answer

    def _require_allowed(self, operation: Operation, method: str, *, anonymous: bool) -> None:
        if operation.kind == "subscription":
            raise Refusal(400, "A subscription is not run by a plain request.")
        if method == "GET" and operation.kind != "query":
            raise Refusal(405, "GET runs queries only.", headers={"Allow": "POST"})
        if anonymous and operation.introspects:
            raise Problem("UNAUTHENTICATED", "The schema is shown to those who are signed in.")

    def _require_affordable(self, operation: Operation, params: Params) -> int:
        variables = params.variables or {}
        operation.inputs.check(variables, self.limits.list_items)
        cost = operation.cost.of(variables)
        if cost > self.limits.cost:
            raise too_complex("cost", cost, self.limits.cost)
        return cost

    async def _run(
        self, asked: Asked, document: Document, params: Params, context: Asker
    ) -> Answer:
        result = await self._execute(document, params, context)
        return self._told(asked, document, params, context, result)

    async def _execute(self, document: Document, params: Params, context: Asker) -> ExecutionResult:
        assert document.node is not None  # noqa: S101 (it has no errors)
        result = execute(
            self._core,
            document.node,
            context_value=context,
            variable_values=params.variables,
            operation_name=params.operation_name,
            max_coercion_errors=MOST,
            executor_class=self.schema.execution_context_class,
            is_awaitable=cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", optimized_is_awaitable),
            operation_extensions=params.extensions or {},
        )
        return await result if isawaitable(result) else result

    def _told(
        self,
        asked: Asked,
        document: Document,
        params: Params,
        context: Asker,
        result: ExecutionResult,
    ) -> Answer:
        anonymous = context.viewer.id is None
        errors: list[Error] = []
        if result.errors:
            token = document.node.loc.start_token if document.node and document.node.loc else None
            reporter = Reporter(asked.request_id, lambda: sent_values(params.variables, token))
            errors = [reporter.of_execution(error) for error in result.errors]
            if result.data is None and not any("path" in error for error in errors):
                return refused(errors[:MOST], asked.media_type, anonymous=anonymous)
        spent = {"requested": asked.facts["cost"], "limit": self.limits.cost}
        # Rows are counted where they are read; a context that does not count has nothing to tell.
        if (rows := getattr(context, "rows_read", None)) is not None:
            spent["actual"] = rows
        content: dict[str, Any] = {"data": result.data}
        if errors:
            content["errors"] = [*map(without_suggestions, errors)] if anonymous else errors
        answer = content | {"extensions": {"cost": spent}}
        return Answer(answer, headers=missing_scopes(errors))
