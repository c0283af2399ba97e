"""One endpoint that this worker holds: it reads its stream, and sends messages in their order."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import structlog

from auth.outbound import Line, Outbound
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db import webhook_queue as queue
from db.core.webhooks import PING, RESYNC
from db.feed.reading import Event, read
from db.feed.sequencing import Head, reach
from db.job_queue import enqueue
from db.pool import NOBODY, UNREACHABLE, Database
from db.problem import Problem
from db.webhook_queue import Due, Endpoint, HoldLost, NewDelivery, Outcome
from graph.platform.webhooks.attempts import RETRY_DELAYS, attempt, canceled
from graph.platform.webhooks.events import (
    is_wanted,
    message,
    restored,
    stored,
    type_of,
)
from graph.platform.webhooks.metrics import WebhookMetrics
from graph.platform.webhooks.payloads import Payloads, Principals
from graph.platform.webhooks.signing import SecretLost, secrets_of
from graph.platform.webhooks.upkeep import DISABLED

log = structlog.get_logger(__name__)

PAGE = 500
"""Events that are read, and messages that are queued, by one statement."""
BATCH_SIZE = 100
"""Messages that are read to be sent, by one statement."""
CONCURRENCY = 8
"""Documents whose messages are sent to an endpoint at a time."""
LINGER = 2.0
"""Seconds for which an endpoint with nothing to send is kept, with its connections."""
SLICE, MAX_HOLD = 5.0, 60.0
"""Seconds after which an endpoint is given back, so that another worker may take it, and without
other workers: a former secret ends, and a project may be deleted."""
NO_ID = UUID(int=0)
NO_HEAD = Head(0, NO_ID)
PAUSE = 1.0
"""Seconds until an endpoint goes on after an error of the database."""
GONE = "The endpoint answered 410 (Gone)."
NOBODY_READS = "The service account is not an active member of the organization."
SECRET_CHANGED = "The secret cannot be decrypted, because GATEWAY_SECRET was changed. Rotate it."  # noqa: S105 (a sentence)


@dataclass
class Shared:
    """The settings, clients and limits that all endpoints of one worker share."""

    database: Database
    settings: AuthSettings
    payloads: Payloads
    outbound: Outbound
    metrics: WebhookMetrics = field(default_factory=WebhookMetrics)
    disable_after: timedelta = timedelta(days=5)
    retry_delays: Sequence[float] = RETRY_DELAYS
    worker: UUID = NO_ID
    workers: int = 1
    """The workers that live."""
    head: Head = NO_HEAD
    may_linger: bool = True
    """False while this worker has little room for further endpoints."""
    is_alive: bool = True
    """False once the worker may have been taken for dead: nothing more is sent then."""
    statements: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Requests use the same connections: a few are left to them."""

    delivered: Callable[[UUID, UUID], None] = lambda _organization, _account: None
    """Takes the organization and the service account of each delivery."""

    def __post_init__(self) -> None:
        self.principals = Principals(self.database)


class Serving:
    """Sends to one endpoint until nothing is due, then gives it back."""

    def __init__(self, shared: Shared, endpoint: Endpoint) -> None:
        self._shared, self._endpoint = shared, endpoint
        self._position, self._epoch = endpoint.position, endpoint.epoch
        self._ready: deque[list[Due]] = deque()
        self._busy: dict[UUID, asyncio.Task[None]] = {}
        self._done: list[Outcome] = []
        self._bodies: dict[UUID, str] = {}
        self._woken = asyncio.Event()
        self._limit = 1 if endpoint.failing_since else CONCURRENCY
        self._line: Line | None = None
        self._began = self._active = time.monotonic()
        self._disable: str | None = None
        self._secrets: list[str] = []
        self.is_stopping = False

    @property
    def fails(self) -> bool:
        """Return whether the endpoint has not succeeded since it failed last."""
        return self._limit < CONCURRENCY

    @property
    def stream(self) -> UUID:
        """Return the ID of the organization or project whose events are sent."""
        return self._endpoint.project_id or self._endpoint.organization_id

    def wake(self) -> None:
        """Look for new events and messages."""
        self._woken.set()

    def skip(self, past: Head, now: Head) -> None:
        """Note that nothing has happened in the stream between these positions of the feed."""
        if self._epoch == now.epoch and self._position == past.position:
            self._position = now.position

    def stop(self) -> None:
        """Begin nothing more; `run` returns when what is being sent has an answer."""
        self.is_stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Serve the endpoint until it is given back."""
        log_of = log.bind(endpoint=str(self._endpoint.endpoint_id))
        try:
            while True:
                try:
                    await self._serve()
                except (Problem, asyncpg.PostgresError, *UNREACHABLE) as error:
                    log_of.warning("webhooks", error=f"{type(error).__name__}: {error}")
                    await asyncio.sleep(PAUSE)
                else:
                    return
        except HoldLost:
            log_of.info("the endpoint was changed, or is another worker's")
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)
            if self._line:
                await self._line.close()

    async def _serve(self) -> None:
        try:
            self._secrets = secrets_of(self._shared.settings, self._endpoint)
        except SecretLost:
            self._disable = SECRET_CHANGED
        await self._store()  # what could not be stored before: it would be sent again
        while self._shared.is_alive:
            self._woken.clear()
            limit = SLICE if self._shared.workers > 1 else MAX_HOLD
            if time.monotonic() - self._began >= limit:
                self.is_stopping = True
            more = False
            if not (self.is_stopping or self._disable):
                more = await self._read()
                if not self._disable:
                    await self._fill()
            if self.is_stopping or self._disable:
                self._ready.clear()
            self._start()
            if self._busy or self._done or more:
                await self._wait(at_once=more or bool(self._done))
                await self._store()
            elif not self._woken.is_set() and not await self._linger():
                break
        if not self._shared.is_alive:
            raise HoldLost
        await self._end()

    async def _wait(self, *, at_once: bool) -> None:
        """Wait for the first answer, unless there is something to do."""
        if at_once or not self._busy:
            await asyncio.sleep(0)
            return
        woken = asyncio.create_task(self._woken.wait())
        try:
            tasks = [woken, *self._busy.values()]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()

    async def _linger(self) -> bool:
        """Wait for something to do; return False if there was nothing for some time."""
        if self.is_stopping or self._disable or self.fails or not self._shared.may_linger:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(self._active + LINGER - time.monotonic()):
                await self._woken.wait()
        return self._woken.is_set()

    async def _read(self) -> bool:
        """Queue messages about the next events of the stream; return whether there are more."""
        head, endpoint = self._shared.head, self._endpoint
        if self._epoch == head.epoch and self._position >= head.position:
            return False
        kind = "organization" if endpoint.project_id is None else "project"
        place = endpoint.project_id or endpoint.organization_id
        async with self._shared.statements, self._shared.database.auth.lend(NOBODY) as lent:
            if await queue.queued(lent, endpoint.endpoint_id) >= queue.MAX_QUEUED:
                return False
            after, up_to = self._position, head.position
            events = await read(lent, kind, place, after=after, up_to=up_to, most=PAGE)
            feed = await reach(lent)  # read last: what is kept now was kept before
        if feed.epoch != self._epoch or feed.oldest > self._position + 1:
            await self._add([_lost(endpoint, feed.position)], feed.position, feed.epoch)
            return False
        position = events[-1].position if len(events) == PAGE else up_to
        wanted = [event for event in events if _type_wanted(endpoint, event)]
        viewer = await self._reader() if wanted else None
        if wanted and viewer is None:
            return False
        new = [
            _new(event)
            for event in wanted
            if viewer and self._shared.payloads.concerns(endpoint, viewer, event)
        ]
        if new:
            await self._add(new, position, feed.epoch)
        self._position = position  # stored with the next messages, or when it is given back
        return self._position < head.position

    async def _add(self, new: list[NewDelivery], position: int, epoch: UUID) -> None:
        shared, endpoint = self._shared, self._endpoint.endpoint_id
        self._active = time.monotonic()
        async with (
            shared.statements,
            shared.database.auth.lend(NOBODY, in_transaction=True) as lent,
        ):
            await queue.add(lent, shared.worker, endpoint, new, position, epoch)
        self._position, self._epoch = position, epoch

    async def _fill(self) -> None:
        """Read what is due, and make the messages that were not made yet."""
        if self._ready or len(self._busy) >= self._limit:
            return
        shared, endpoint = self._shared, self._endpoint
        async with shared.statements, shared.database.auth.lend(NOBODY) as lent:
            # What was sent and is not stored yet is still queued there.
            busy = {*self._busy, *(outcome.order_key for outcome in self._done)}
            due = await queue.due(lent, endpoint.endpoint_id, busy, BATCH_SIZE)
        about = {each.id: restored(each.event) for each in due if each.event}
        viewer = await self._reader() if about else None
        if about and viewer is None:
            return
        new = [each for each in due if each.request_body is None and each.event]
        shown = [
            each
            for each in new
            if viewer and shared.payloads.concerns(endpoint, viewer, about[each.id])
        ]
        if viewer and shown:
            events = [about[each.id] for each in shown]
            bodies = await shared.payloads.bodies(endpoint, viewer, events)
            self._bodies.update(zip([each.id for each in shown], bodies, strict=True))
        documents: dict[UUID, list[Due]] = {}
        for each in due:
            documents.setdefault(each.order_key, []).append(each)
        self._ready.extend(documents.values())

    def _start(self) -> None:
        while self._ready and len(self._busy) < self._limit:
            messages = self._ready.popleft()
            key = messages[0].order_key
            task = asyncio.create_task(self._send_in_order(messages))
            self._busy[key] = task
            task.add_done_callback(lambda done, key=key: self._free(key, done))  # type: ignore[misc]

    def _free(self, key: UUID, task: "asyncio.Task[None]") -> None:
        if self._busy.get(key) is task:
            del self._busy[key]
        self._woken.set()
        if not task.cancelled() and (error := task.exception()):
            log.error("webhooks", exc_info=error)
            self.stop()

    async def _send_in_order(self, messages: list[Due]) -> None:
        """Send the messages of one document, up to the first that fails."""
        for each in messages:
            if self.is_stopping or self._disable or not self._shared.is_alive:
                return
            outcome = await self._send(each)
            self._done.append(outcome)
            if outcome.status == "queued":
                for later in messages:
                    self._bodies.pop(later.id, None)
                return

    async def _send(self, due: Due) -> Outcome:
        shared, endpoint = self._shared, self._endpoint
        body = due.request_body or self._bodies.pop(due.id, None)
        if due.event:
            viewer = await self._reader()
            event = restored(due.event)
            if body is None or viewer is None:
                return canceled(due)
            if not shared.payloads.concerns(endpoint, viewer, event):
                return canceled(due)
        elif body is None:
            data = {"endpointId": endpoint.endpoint_id, "organizationId": endpoint.organization_id}
            body = message(due.event_type, datetime.now(UTC), data)
        if self._line is None:
            self._line = shared.outbound.line(endpoint.url, connections=CONCURRENCY)
        delays = () if due.event_type == PING else shared.retry_delays
        began = self._active = time.monotonic()
        outcome = await attempt(self._line, due, endpoint.url, self._secrets, body, delays)
        shared.metrics.attempted(outcome.status, time.monotonic() - began)
        if outcome.status == "succeeded":
            self._limit = CONCURRENCY
            shared.delivered(endpoint.organization_id, endpoint.service_account_id)
        if outcome.response_status == 410:  # noqa: PLR2004 (Gone)
            self._disable = GONE
        return outcome

    async def _store(self) -> None:
        """Store what was done since the last time."""
        done, self._done = self._done, []
        if not done:
            return
        shared, endpoint = self._shared, self._endpoint.endpoint_id
        try:
            async with (
                shared.statements,
                shared.database.auth.lend(NOBODY, in_transaction=True) as lent,
            ):
                has_only_failed = await queue.store(
                    lent, shared.worker, endpoint, done, shared.disable_after
                )
        except BaseException:
            self._done = [*done, *self._done]
            raise
        if has_only_failed:
            days = shared.disable_after.days
            self._disable = f"All deliveries of {days} days have failed."

    async def _end(self) -> None:
        """Give the endpoint back, or disable it."""
        shared, endpoint = self._shared, self._endpoint.endpoint_id
        async with (
            shared.statements,
            shared.database.auth.lend(NOBODY, in_transaction=True) as lent,
        ):
            await queue.let_go(lent, shared.worker, endpoint, self._position, self._epoch)
            if self._disable:
                told = await queue.disable(lent, endpoint, self._disable)
                jobs = [
                    DISABLED.new(
                        organization_id=organization,
                        user_id=person,
                        key=f"{endpoint}:{version}:{person}",
                        payload={"endpointId": str(endpoint), "reason": self._disable},
                    )
                    for person, version, organization in told
                ]
                await enqueue(lent, jobs)

    async def _reader(self) -> Viewer | None:
        """Return the principal, with its present rights; without one, disable the endpoint."""
        viewer = await self._shared.principals.of(self._endpoint)
        if viewer is None:
            self._disable = NOBODY_READS
        return viewer


def _type_wanted(endpoint: Endpoint, event: Event) -> bool:
    event_type = type_of(event)
    return event_type is not None and is_wanted(endpoint.event_types, event_type)


def _new(event: Event) -> NewDelivery:
    return NewDelivery(
        webhook_id=f"msg_{event.event_id.hex}",
        event_type=type_of(event) or "",
        order_key=event.document_id or event.entity_id,
        position=event.position,
        event=stored(event),
        entity_type=event.entity_type,
        entity_id=event.entity_id,
    )


def _lost(endpoint: Endpoint, position: int) -> NewDelivery:
    """Return the message that events may be missing: those before this position."""
    return NewDelivery(
        webhook_id=f"msg_{endpoint.endpoint_id.hex}_{position}",
        event_type=RESYNC,
        order_key=endpoint.endpoint_id,
        position=position,
    )
