"""Live connections: their viewers, expiry and running operations."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from structlog.contextvars import bound_contextvars

from auth.origin import Origin
from auth.viewer import Viewer
from db.problem import Problem
from graph.http.operation.documents import Operation
from graph.http.operation.errors import Error, Refusal, Reporter, described, without_suggestions
from graph.http.operation.negotiate import GRAPHQL
from graph.http.operation.operations import Asker, NotRun, OperationRequest, Operations, Prepared
from graph.http.operation.params import Params
from graph.http.operation.ports import Hub, Subscribing, Subscription
from graph.http.stream.capacity import Capacity, Transport

log = structlog.get_logger("graph.http.access")

NO_HEADERS = Headers({})
RIGHTS_TTL = 0.5
"""Seconds for which an operation uses rights that were loaded before."""
Permit = Callable[[Operation], None]
"""A function that raises the Refusal of an operation that a transport does not run."""


def anything(_: Operation) -> None:
    """Permit every operation."""


@dataclass(frozen=True)
class LiveConnections:
    """Identification of the clients that connect, as the application provides it.

    `identify` raises UNAUTHENTICATED; `renew` returns the same viewer with current roles, or None
    when the credential is no longer valid.
    """

    identify: Callable[[HTTPConnection], Awaitable[Viewer]]
    renew: Callable[[Viewer], Awaitable[Viewer | None]]
    make_context: Callable[[Viewer, Origin], Asker]


@dataclass(frozen=True)
class Live:
    """The state that all live connections of the process share."""

    operations: Operations
    visitors: LiveConnections
    hub: Hub | None
    """None where the schema has no subscriptions, so that none is valid."""
    capacity: Capacity
    running: set["asyncio.Task[None]"] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.operations.metrics.show(self.capacity)

    def start(self, work: Awaitable[None]) -> "asyncio.Task[None]":
        """Run it as a task, referenced until it ends."""
        task = asyncio.ensure_future(work)
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return task

    async def settle(self) -> None:
        """Wait for mutations that continue without their client, which end at their deadline."""
        await asyncio.gather(*self.running, return_exceptions=True)


class LiveConnection:
    """One connection's standing: the Access that the hub sees.

    `leave` is called once, when the credential has expired (True) or was ended for this reason.
    """

    __slots__ = (
        "_leave",
        "_read_at",
        "_timer",
        "live",
        "origin",
        "subscriptions",
        "transport",
        "viewer",
    )

    def __init__(
        self,
        live: Live,
        transport: Transport,
        viewer: Viewer,
        origin: Origin,
        leave: Callable[[Problem, bool], None],
    ) -> None:
        self.live, self.transport, self.viewer, self.origin = live, transport, viewer, origin
        self.subscriptions = 0
        self._leave: Callable[[Problem, bool], None] | None = leave
        self._timer: asyncio.TimerHandle | None = None
        self._read_at = asyncio.get_running_loop().time()
        self._arm()

    @property
    def expires_at(self) -> datetime | None:
        """Return the time at which the credential expires."""
        return self.viewer.expires_at

    @property
    def person(self) -> Hashable:
        """Return the key by which subscriptions are counted: the person or the client."""
        return self.viewer.id or self.viewer.client_id

    @property
    def request_id(self) -> str:
        """Return the connection's ID in the log."""
        return self.origin.request_id or ""

    async def renew(self) -> bool:
        """Read standing and roles again; False when the credential is dead."""
        began = asyncio.get_running_loop().time()
        renewed = await self.live.visitors.renew(self.viewer)
        if renewed is None:
            return False
        if began >= self._read_at:  # otherwise somebody has read later, and was answered earlier
            self.viewer, self._read_at = renewed, began
        return True

    async def reauthenticate(self) -> None:
        """Read them before an operation is run, as for a request. Raises UNAUTHENTICATED."""
        fresh = asyncio.get_running_loop().time() - self._read_at < RIGHTS_TTL
        if not fresh and not await self.renew():
            over = Problem("UNAUTHENTICATED", "The credential is no longer valid.")
            self.ended(over)
            raise over

    def ended(self, problem: Problem) -> None:
        """Close the connection, whose credential is no longer valid."""
        self._end(problem, expired=False)

    def over(self) -> None:
        """Cancel all subscriptions of a closed connection."""
        self._leave = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self, problem: Problem, *, expired: bool) -> None:
        leave = self._leave
        self.over()
        if leave is not None:
            leave(problem, expired)

    def _arm(self) -> None:
        if (expires_at := self.expires_at) is None:
            return
        left = (expires_at - datetime.now(UTC)).total_seconds()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(left, 0), self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self.live.start(self._expire())

    async def _expire(self) -> None:
        """End the connection at expiry, unless a browser's session was extended elsewhere."""
        before = self.expires_at
        try:
            await self.renew()
        except Exception as error:  # noqa: BLE001 (nobody vouches for the credential any more)
            Reporter(self.request_id).of_exception(error)
        if self._leave is None:
            return
        if self.expires_at is None or (before is not None and self.expires_at > before):
            self._arm()
        else:
            self._end(Problem("UNAUTHENTICATED", "The credential has expired."), expired=True)


class RunningOperation(ABC):
    """One operation of a connection: the sink of its results, and the resources it holds."""

    __slots__ = ("_counted", "_mutates", "_over", "_subscription", "_task", "visit")

    def __init__(self, visit: LiveConnection) -> None:
        self.visit = visit
        self._counted: Hashable = None
        self._mutates = self._over = False
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def ready(self) -> None:
        """Wait until the client has read most of its pending data, or is gone."""

    @abstractmethod
    def next(self, payload: bytes, cursor: str | None) -> None:
        """Send one result."""

    @abstractmethod
    def error(self, errors: list[Error]) -> None:
        """Say that it was not run, or cannot go on."""

    @abstractmethod
    def complete(self) -> None:
        """Tell the client that the operation has completed."""

    @property
    def follows(self) -> bool:
        """Return whether it is a subscription."""
        return self._counted is not None

    def begin(
        self,
        params: Params,
        headers: Headers = NO_HEADERS,
        after: str | None = None,
        permit: Permit = anything,
    ) -> "asyncio.Task[None]":
        """Run it, as a task of its own, which raises the Refusal of `permit` and nothing else."""
        self._task = self.visit.live.start(self._run(params, headers, after, permit))
        return self._task

    def end(self) -> bool:
        """Stop the operation, and release its resources; return False if it had ended already.

        A mutation continues without its client, who may have been cut off by a bad network.
        """
        if self._over:
            return False
        self._over = True
        task, self._task = self._task, None
        if task is not None and not self._mutates and task is not asyncio.current_task():
            task.cancel()
        if self._subscription is not None:
            self._subscription.cancel()
            self._subscription = None
        if self._counted is not None:
            self.visit.live.capacity.unsubscribe(self.visit.transport, self._counted)
            self.visit.subscriptions -= 1
        return True

    async def _run(
        self,
        params: Params,
        headers: Headers,
        after: str | None,
        permit: Permit,
    ) -> None:
        visit = self.visit
        started = time.perf_counter()
        facts: dict[str, Any] = {}
        address = visit.origin.ip_address
        asked = OperationRequest(params, GRAPHQL, visit.request_id, facts, address=address)
        with bound_contextvars(request_id=visit.request_id):
            with visit.live.operations.traced(headers.get("traceparent"), facts):
                errors = await self._attempt(asked, headers, after, permit)
                facts["code"] = errors[0]["extensions"]["code"] if errors else "OK"
            seconds = time.perf_counter() - started
            metrics = visit.live.operations.metrics
            kind = facts.get("operation", "none")
            metrics.answered(kind, facts["code"], seconds, facts.get("cost"))
            ms = round(seconds * 1000, 1)
            log.info("operation", transport=visit.transport, ms=ms, **facts)
        self._task = None

    async def _attempt(
        self,
        asked: OperationRequest,
        headers: Headers,
        after: str | None,
        permit: Permit,
    ) -> list[Error]:
        """Run the operation and send its result; return the errors, for the log."""
        visit = self.visit
        try:
            with visit.live.operations.deadline():
                await visit.reauthenticate()
                prepared = visit.live.operations.prepare(asked, visit.viewer, permit)
                if prepared.operation.kind == "subscription":
                    await self._follow(asked, prepared, after)
                    return []
                return await self._answer(asked, prepared, headers)
        except Refusal:
            raise
        except NotRun as reason:
            errors = reason.errors
        except Exception as error:  # noqa: BLE001 (whatever it is, the client is told)
            errors = [described(Reporter(asked.request_id).of_exception(error))]
        if visit.viewer.id is None:
            errors = [*map(without_suggestions, errors)]
        self.error(errors)
        return errors

    async def _answer(
        self, asked: OperationRequest, prepared: Prepared, headers: Headers
    ) -> list[Error]:
        visit, operations = self.visit, self.visit.live.operations
        context = visit.live.visitors.make_context(visit.viewer, visit.origin)
        if prepared.operation.kind == "mutation":
            self._mutates = True
            answer = await operations.run_once(asked, prepared, context, headers)
        else:
            answer = await operations.run(asked, prepared, context)
        errors: list[Error] = answer.content.get("errors", [])
        if "data" in answer.content:
            self.next(answer.written(), None)
            self.complete()
        else:
            self.error(errors)
        return errors

    async def _follow(self, asked: OperationRequest, prepared: Prepared, after: str | None) -> None:
        visit = self.visit
        person = visit.person
        if person is None:
            raise Problem("UNAUTHENTICATED", "Subscriptions require authentication.")
        visit.live.capacity.subscribe(visit.transport, person, visit.subscriptions)
        visit.subscriptions += 1
        self._counted = person
        make_context, origin = visit.live.visitors.make_context, visit.origin
        subscribing = Subscribing(
            prepared.document,
            prepared.operation,
            asked.params.operation_name,
            asked.params.variables or {},
            asked.params.extensions or {},
            after,
            asked.request_id,
            lambda viewer: make_context(viewer, origin),
        )
        assert visit.live.hub is not None  # noqa: S101 (the subscription is valid)
        subscription = await visit.live.hub.subscribe(subscribing, visit, self)
        if self._over:  # it has ended meanwhile
            subscription.cancel()
        else:
            self._subscription = subscription
