"""GET /changes: events after a cursor as plain JSON, for clients without a socket.

It is a query of the API like any other, with the same scopes, limits and errors. A request that
waits for events (a long poll) counts as a live connection with one subscription.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send
from uuid_utils import uuid7

from auth.credentials.identify import origin_of
from auth.origin import Origin
from auth.viewer import Viewer
from db.problem import CODES, Problem
from graph.http.operation.answer import Answer, failed, send_answer
from graph.http.operation.deadline import Deadline, Disconnected
from graph.http.operation.errors import Refusal, Reporter
from graph.http.operation.negotiate import GRAPHQL, JSON
from graph.http.operation.operations import Asker, NotRun, OperationRequest
from graph.http.operation.params import Params
from graph.http.request.cross_site import OwnSite
from graph.http.stream.connection import Live
from graph.http.stream.event_stream import EXTENSION, Streaming
from graph.kit.entity_types import MODELS
from graph.kit.feed import Place
from graph.kit.stream import Kind
from graph.settings import Settings

POLL: Final = "poll"
KINDS: dict[str, Kind] = {
    "organization": "organization",
    "project": "project",
    "document": "document",
    "requirement": "entity",
}
"""The kind of the stream, by the parameter that names its ID."""
OTHERS = ("after", "first", "wait", "types", "fields")
DEFAULT_PAGE, MAX_PAGE = 100, 100
"""Events of an answer."""
MAX_WAIT = 50.0
"""Seconds; proxies give up after sixty."""
MAX_PAUSE = 1.0
"""Seconds between two queries where events of the stream do not match the request."""

CHANGES = """
query Changes($id: UUID!, $after: String!, $first: Int!,
  $types: [EntityType!], $fields: [String!]) {
  followed: %s(id: $id) {
    changes(after: $after, first: $first, types: $types, fields: $fields) {
      nodes {
        cursor kind at entityType entityId version changedFields sequence correlationId departed
        renumbered
      }
      pageInfo { endCursor hasNextPage }
    }
  }
}
"""
START = "query Start($id: UUID!) { followed: %s(id: $id) { feedCursor } }"


@dataclass(frozen=True)
class News:
    """The feed, as the application provides it.

    `watch` gives an event that is set when something happens in a stream; `make_context` takes the
    position of the feed before the viewer's rights were read.
    """

    here: Callable[[], Place | None]
    watch: Callable[[Kind, UUID], AbstractContextManager[asyncio.Event]]
    make_context: Callable[[Viewer, Origin, Place | None], Asker]


@dataclass(frozen=True)
class Question:
    """The parameters of a request."""

    about: str
    id: str
    after: str | None = None
    first: int = DEFAULT_PAGE
    wait: float = 0.0
    types: list[str] | None = None
    fields: list[str] | None = None

    @property
    def params(self) -> Params:
        """Return the same as a GraphQL request."""
        if self.after is None:
            return Params(START % self.about, {"id": self.id})
        variables = {
            "id": self.id,
            "after": self.after,
            "first": self.first,
            "types": self.types,
            "fields": self.fields,
        }
        return Params(CHANGES % self.about, variables)


@dataclass
class Asking:
    """A request in progress: its viewer and origin."""

    viewer: Viewer
    origin: Origin
    began: Place | None
    facts: dict[str, Any]


class ChangesEndpoint:
    """The application behind /changes; one for the life of the process."""

    def __init__(self, live: Live, news: News, settings: Settings) -> None:
        self._live, self._news = live, news
        self._site = OwnSite(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, valid or not."""
        state = scope.setdefault("state", {})
        request_id = state.setdefault("request_id", str(uuid7()))
        facts: dict[str, Any] = state.setdefault("graphql", {})
        shown = Headers(scope=scope).get("traceparent")
        with self._live.operations.traced(shown, facts):
            try:
                answer = await self._answer(scope, receive, facts)
            except Disconnected:
                return
            except Exception as error:  # noqa: BLE001 (whatever it is, the client is answered)
                answer = failed(Reporter(request_id).of_exception(error))
            errors = answer.content.get("errors")
            facts["code"] = errors[0]["extensions"]["code"] if errors else "OK"
        await send_answer(send, answer, answer.written(), JSON)

    async def _answer(self, scope: Scope, receive: Receive, facts: dict[str, Any]) -> Answer:
        if scope["method"] != "GET":
            raise Refusal(405, "Only GET is accepted.", headers={"Allow": "GET"})
        self._site.require(Headers(scope=scope))
        question = read(scope["query_string"])
        connection = HTTPConnection(scope)
        with self._live.operations.deadline():
            began = self._news.here()  # before rights are read: nothing later is told by them
            viewer = await self._live.visitors.identify(connection)
        if viewer.shared is not None:
            raise Problem("FORBIDDEN", "A share opens no changes.")
        asking = Asking(viewer, origin_of(connection), began, facts)
        if not question.wait or question.after is None:
            with Deadline(None) as waited:
                waited.watch(receive)
                return await self._ask(question, asking)
        stopping = _Stopping()
        async with self._counted(scope, viewer, stopping):
            with Deadline(None) as waited:
                waited.watch(receive)
                return await self._poll(question, asking, stopping)

    @asynccontextmanager
    async def _counted(
        self, scope: Scope, viewer: Viewer, stopping: "_Stopping"
    ) -> AsyncIterator[None]:
        """Count the request as a live connection. Raises Refusal, RATE_LIMITED and BUSY."""
        capacity = self._live.capacity
        address = scope["client"][0] if scope.get("client") else ""
        server: Streaming | None = scope.get("extensions", {}).get(EXTENSION)
        person = viewer.id or viewer.client_id
        capacity.connect(POLL, address)
        try:
            capacity.subscribe(POLL, person, 0)
            try:
                if server is not None:
                    server.stream(stopping)
                yield
            finally:
                capacity.unsubscribe(POLL, person)
                if server is not None:
                    server.stream(None)
        finally:
            capacity.disconnect(POLL, address)

    async def _poll(self, question: Question, asking: Asking, stopping: "_Stopping") -> Answer:
        """Ask again whenever something has happened, until there is an event or time is over."""
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + question.wait, 0.0
        with self._news.watch(KINDS[question.about], UUID(question.id)) as happened:
            stopping.happened = happened
            if self._news.here() != asking.began:
                happened.set()  # before it was watched
            while True:
                answer = await self._ask(question, asking)
                over = loop.time() >= until or stopping.stops
                if over or answer.status != HTTPStatus.OK or answer.content["events"]:
                    self._live.capacity.frames[POLL] += len(answer.content.get("events", ()))
                    return answer
                question = replace(question, after=answer.content["cursor"])
                if not answer.content["hasMore"]:
                    with suppress(TimeoutError):
                        async with asyncio.timeout_at(until):
                            await asyncio.sleep(pause)
                            await happened.wait()
                    pause = min(pause * 2 or MAX_PAUSE / 8, MAX_PAUSE)
                happened.clear()
                await self._renew(asking)

    async def _renew(self, asking: Asking) -> None:
        """Load rights again before events that happened meanwhile are sent."""
        with self._live.operations.deadline():
            asking.began = self._news.here()
            renewed = await self._live.visitors.renew(asking.viewer)
        if renewed is None:
            raise Problem("UNAUTHENTICATED", "The credential is no longer valid.")
        asking.viewer = renewed

    async def _ask(self, question: Question, asking: Asking) -> Answer:
        started = time.perf_counter()
        operations = self._live.operations
        request_id = asking.origin.request_id or ""
        address = asking.origin.ip_address
        asked = OperationRequest(
            question.params, GRAPHQL, request_id, asking.facts, address=address
        )
        context = self._news.make_context(asking.viewer, asking.origin, asking.began)
        try:
            with operations.deadline():
                prepared = operations.prepare(asked, asking.viewer)
                ran = await operations.run(asked, prepared, context)
        except NotRun as reason:
            ran = Answer({"errors": reason.errors})
        errors = ran.content.get("errors")
        answer = _refused(errors, ran) if errors else _answered(ran.content["data"]["followed"])
        code = errors[0]["extensions"]["code"] if errors else "OK"
        seconds = time.perf_counter() - started
        operations.metrics.answered("query", code, seconds, asking.facts.get("cost"))
        return answer


class _Stopping:
    """The server's handle on a request that waits: it ends when the process stops."""

    def __init__(self) -> None:
        self.stops = False
        self.happened: asyncio.Event | None = None

    def end(self) -> None:
        """End the wait when the server stops: answer with the events there are."""
        self.stops = True
        if self.happened is not None:
            self.happened.set()

    def beat(self) -> None:
        """Do nothing: nothing is written before the answer."""

    def lost(self) -> None:
        """Do nothing: the end of the client ends the wait otherwise."""


def _answered(followed: dict[str, Any]) -> Answer:
    if "feedCursor" in followed:
        return Answer({"events": [], "cursor": followed["feedCursor"], "hasMore": False})
    page = followed["changes"]
    end = page["pageInfo"]
    content = {"events": page["nodes"], "cursor": end["endCursor"], "hasMore": end["hasNextPage"]}
    return Answer(content)


def _refused(errors: list[dict[str, Any]], ran: Answer) -> Answer:
    """Return the errors without their paths; the first one decides the status."""
    told = [{name: error[name] for name in ("message", "extensions")} for error in errors]
    extensions = told[0]["extensions"]
    status = CODES[extensions["code"]].status
    headers = {**ran.headers}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers["Retry-After"] = str(extensions.get("retryAfter", 1))
    return Answer({"errors": told}, status, headers)


def read(query_string: bytes) -> Question:
    """Return the parameters in a query string. Raises Refusal (400), or INVALID with the path."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise Refusal(400, "The URL holds UTF-8, percent-encoded.") from error
    given = dict(pairs)
    if len(given) < len(pairs):
        raise Refusal(400, "The URL holds each parameter once.")
    if unknown := [name for name in given if name not in (*KINDS, *OTHERS)]:
        names = ", ".join((*KINDS, *OTHERS))
        raise Problem(
            "INVALID", f"There is no parameter {unknown[0]}, only {names}.", field=[unknown[0]]
        )
    about = [name for name in KINDS if name in given]
    if len(about) != 1:
        raise Problem("INVALID", f"Give the id of one: {', '.join(KINDS)}.", field=about[-1:])
    try:
        id = str(UUID(given[about[0]]))
    except ValueError:
        raise Problem("INVALID", "The ID must be a UUID.", field=about) from None
    return Question(
        about[0],
        id,
        given.get("after"),
        int(_number(given, "first", DEFAULT_PAGE, MAX_PAGE)),
        _number(given, "wait", 0, MAX_WAIT),
        _types(given),
        _names(given, "fields"),
    )


def _number(given: dict[str, str], name: str, default: float, most: float) -> float:
    text = given.get(name, str(default))
    if not text.isdecimal() or len(text) > len(str(default + most)) or int(text) > most:
        message = f"`{name}` is a whole number from 0 to {most:g}."
        raise Problem("INVALID", message, field=[name])
    return int(text)


def _types(given: dict[str, str]) -> list[str] | None:
    types = _names(given, "types")
    if unknown := [name for name in types or () if name not in MODELS]:
        message = f"There is no type {unknown[0][:50]!r}."
        raise Problem("INVALID", message, field=["types"], known=sorted(MODELS))
    return types


def _names(given: dict[str, str], name: str) -> list[str] | None:
    return given[name].split(",") if name in given else None
