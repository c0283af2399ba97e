"""The routes of incoming webhooks: each is verified, stored, and then answered."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from db.pool import NOBODY, Database
from db.problem import CODES, Problem
from db.sqlstates import problem_of
from db.webhook_events import receive
from graph.http.operation.deadline import Disconnected
from graph.http.operation.errors import Refusal, described
from graph.http.operation.json_text import READ_AT_ONCE
from graph.http.operation.params import read_body
from graph.http.request.access_log import CLIENT_GONE
from graph.platform.incoming import Provider, Unverified
from graph.platform.incoming.jobs import kinds_by_provider

if TYPE_CHECKING:
    from graph.tracing import Tracing

log = structlog.get_logger(__name__)

RETRY_AFTER = {"Retry-After": "10"}


def routes(
    providers: Mapping[str, Provider],
    database: Database,
    body_limit: int,
    tracing: "Tracing | None" = None,
) -> list[BaseRoute]:
    """Return a route for each provider."""
    found = [_Endpoint(provider, database, body_limit, tracing) for provider in providers.values()]
    return [Route(one.path, one.answer, methods=["POST"]) for one in found]


class _Endpoint:
    """The endpoint of one provider."""

    def __init__(
        self, provider: Provider, database: Database, body_limit: int, tracing: "Tracing | None"
    ) -> None:
        self._provider, self._database = provider, database
        self._body_limit, self._tracing = body_limit, tracing
        self._kind = kinds_by_provider().get(provider.name)
        self.path = f"/webhooks/{provider.name}"

    async def answer(self, request: Request) -> Response:
        """Answer one request, valid or not."""
        with self._traced(request):
            try:
                await self._take(request)
            except Unverified as refused:
                log.warning("webhook refused", provider=self._provider.name, reason=str(refused))
                return _refused(Problem("INVALID", str(refused)), 400)
            except Refusal as refused:
                return _refused(refused, refused.status)
            except Disconnected:
                return Response(status_code=CLIENT_GONE)
            except Exception as error:
                problem = error if isinstance(error, Problem) else problem_of(error)
                if problem is None:
                    raise
                return _refused(problem, CODES[problem.code].status)
        return JSONResponse({"received": True})

    async def _take(self, request: Request) -> None:
        """Store the event of a request. Raises Unverified, Refusal and Disconnected."""
        provider, length = self._provider, request.headers.get("content-length")
        shown = length.encode("latin-1") if length else None
        body = await read_body(shown, request.receive, self._body_limit)
        headers = dict(request.headers)
        if len(body) > READ_AT_ONCE:
            event = await asyncio.to_thread(provider.read, body, headers)
        else:
            event = provider.read(body, headers)
        kind = self._kind if provider.handles(event.event_type) else None
        async with self._database.auth.lend(NOBODY) as connection:
            id = await receive(connection, provider.name, event, kind)
        log.info("webhook", provider=provider.name, type=event.event_type, id=id and str(id))

    def _traced(self, request: Request) -> AbstractContextManager[object]:
        if self._tracing is None:
            return nullcontext()
        return self._tracing.request("POST", self.path, request.headers.get("traceparent"))


def _refused(problem: Problem, status: int) -> Response:
    headers = RETRY_AFTER if problem.code == "BUSY" else None
    return JSONResponse({"errors": [described(problem)]}, status, headers)
