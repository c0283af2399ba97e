"""GraphQL over HTTP: one ASGI application that answers POST and GET at /graphql."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from uuid_utils import uuid7

from graph.http.answer import Answer, failed, refused, send_answer
from graph.http.cross_site import require_same_site
from graph.http.disconnect import ended_by_disconnect
from graph.http.documents import Operation
from graph.http.errors import Refusal, Reporter
from graph.http.negotiate import GRAPHQL, JSON, answer_type, require_readable
from graph.http.operations import Asked, Asker, NotRun, Operations
from graph.http.params import Disconnected, Params, from_body, from_query_string, read_body
from graph.http.trusted import trusted_origins
from graph.settings import Settings

MakeContext = Callable[[Request], Awaitable[Asker]]
"""Identifies whoever makes a request. A Problem raised here is answered with its HTTP status."""


@dataclass
class Arrived:
    """One request as it came in."""

    scope: Scope
    receive: Receive
    headers: Headers
    media_type: str
    request_id: str
    facts: dict[str, Any]

    @property
    def method(self) -> str:
        """GET or POST."""
        return str(self.scope["method"])


class GraphQLEndpoint:
    """The application behind /graphql for plain requests; one for the life of the process."""

    def __init__(
        self, operations: Operations, make_context: MakeContext, settings: Settings
    ) -> None:
        self.operations = operations
        self._make_context = make_context
        self._body_limit = settings.body_limit
        self._trusted = trusted_origins(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, whatever it holds."""
        started = time.perf_counter()
        headers = Headers(scope=scope)
        state = scope.setdefault("state", {})
        facts: dict[str, Any] = state.setdefault("graphql", {})
        media_type = answer_type(headers.get("accept"))
        request_id = state.get("request_id") or str(uuid7())
        arrived = Arrived(scope, receive, headers, media_type or JSON, request_id, facts)
        metrics = self.operations.metrics
        with metrics.in_flight.track_inprogress():
            try:
                if media_type is None:
                    answer = failed(Refusal(406, f"Answers are sent as {GRAPHQL} or {JSON}."))
                else:
                    answer = await self._answer(arrived)
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
            metrics.answered(kind, facts["code"], seconds, facts.get("cost"))
        await send_answer(send, answer, body, arrived.media_type)

    async def _answer(self, arrived: Arrived) -> Answer:
        """Raises Refusal for what is no GraphQL request, and Problem for what stopped it."""
        params = await self.params_of(arrived.scope, arrived.receive)
        async with self.operations.deadline():
            return await self._operate(arrived, params)

    async def params_of(self, scope: Scope, receive: Receive) -> Params:
        """What a request asks, which may be from another site's page. Raises Refusal."""
        headers = Headers(scope=scope)
        if scope["method"] not in ("GET", "POST"):
            raise Refusal(405, "GET and POST are accepted.", headers={"Allow": "GET, POST"})
        require_same_site(headers, self._trusted)
        if scope["method"] == "GET":
            return from_query_string(scope["query_string"])
        require_readable(headers)
        return from_body(await read_body(headers, receive, self._body_limit))

    async def _operate(self, arrived: Arrived, params: Params) -> Answer:
        asked = Asked(params, arrived.media_type, arrived.request_id, arrived.facts)
        context = await self._make_context(Request(arrived.scope, arrived.receive))
        try:
            permit = partial(_require_plain, arrived.method)
            prepared = self.operations.prepare(asked, context.viewer, permit)
        except NotRun as reason:
            anonymous = context.viewer.id is None
            return refused(reason.errors, arrived.media_type, anonymous=anonymous)
        if prepared.operation.kind == "query":
            async with ended_by_disconnect(arrived.receive):
                return await self.operations.run(asked, prepared, context)
        # A mutation goes on without its client, who may have been cut off by a bad network.
        return await self.operations.run_once(asked, prepared, context, arrived.headers)


def _require_plain(method: str, operation: Operation) -> None:
    if operation.kind == "subscription":
        raise Refusal(400, "A subscription is not run by a plain request.")
    if method == "GET":
        require_safe(operation)


def require_safe(operation: Operation) -> None:
    """Refuse by GET what changes something (405)."""
    if operation.kind == "mutation":
        raise Refusal(405, "GET runs queries only.", headers={"Allow": "POST"})
