"""Executions of a subscription's operation for events, each shared by an audience."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import orjson

from auth.viewer import Viewer
from db.feed.reading import Event
from db.problem import Problem
from graph.core.changes import ChangeKind, Told, kind_of, model_named
from graph.http.operation.operations import NotRun, Operations
from graph.http.operation.ports import Subscribing
from graph.kit.stream import Announcement, Stream
from graph.live.follower import SHARED, Audience, News, concerns
from graph.live.hiding import MAX_BENEATH, each_of, held_by, hidden
from graph.live.result_cache import ResultCache

MAX_CONCURRENT = 8
"""Executions at one time; more would only wait for each other's connections."""
MAX_BATCH = 200
"""Events of one group that are executed together, so that each statement reads for all of them."""
RETRY_DELAYS = (0.05, 0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0)
"""Pauses in seconds between attempts to execute an event while the database is unavailable."""


class Telling(NamedTuple):
    """An execution result as JSON, and the cursor that is sent with it."""

    payload: bytes
    cursor: str | None


class Execution(NamedTuple):
    """An execution, and the key under which its result is shared."""

    key: tuple[object, ...]
    told: Told


class Executions:
    """Executes operations for events. `cursor_of` returns the cursor of a position of a stream."""

    def __init__(self, operations: Operations, cursor_of: Callable[[Stream, int], str]) -> None:
        self._operations, self._cursor_of = operations, cursor_of
        self._made = ResultCache()
        self._executing = asyncio.Semaphore(MAX_CONCURRENT)

    def forget(self) -> None:
        """Discard cached results: later executions may have other results."""
        self._made.clear()

    async def of(self, audience: Audience, news: News, apart: object = None) -> list[Telling]:
        """Return an audience's payloads for an event, in order; none if it does not concern them.

        An event is executed once while its result is cached, however many catch up with it. A
        personal result, such as the number of unread notifications, is executed again for each
        member that catches up `apart` from the group.
        """
        if isinstance(news, Announcement):
            return [Telling(await self.alone(audience.subscribing, audience.viewer, news), None)]
        return await self.answer(audience, news, self.plan(audience, news, apart), apart)

    def plan(self, audience: Audience, news: News, apart: object = None) -> Execution | None:
        """Return the execution of an event, None if it does not itself concern the audience."""
        if isinstance(news, Event) and concerns(audience.stream, audience.viewer, news):
            return self._execution(audience, news, apart)
        return None

    async def answer(
        self, audience: Audience, news: Event, execution: Execution | None, apart: object = None
    ) -> list[Telling]:
        """Return an audience's payloads for an event whose execution is planned."""
        if execution:
            return [await self._of_event(execution, audience)]
        if held_by(audience.stream, audience.viewer, news):
            return await self._of_each_beneath(audience, news, apart)
        return []

    async def of_hidden(self, audience: Audience, event: Event) -> Telling | None:
        """Return the payload for followers of a row that an event has hidden, else None."""
        ancestor = model_named(event.entity_type)
        model = model_named(audience.stream.entity_type or "")
        assert ancestor is not None  # noqa: S101 (something stands beneath it)
        assert model is not None  # noqa: S101 (one row is followed)
        async with self._executing:
            session = audience.subscribing.make_context(audience.viewer).session
            rows = await session.beneath(ancestor, event.entity_id, [model], 1, audience.stream.id)
        if rows == []:
            return None
        execution = self._execution(audience, hidden(audience.stream, event), None)
        return await self._of_event(execution, audience)

    def prepare(self, audience: Audience, several: Sequence[News]) -> None:
        """Start the executions of the next events together."""
        planned = (self.plan(audience, news) for news in several)
        self.begin(audience, [execution for execution in planned if execution])

    async def alone(
        self, subscribing: Subscribing, viewer: Viewer, root: Told | Announcement
    ) -> bytes:
        """Return the payload for one root value. Raises BUSY when the database stays unavailable.

        Raises NotRun for an event without data; an announcement is sent again soon anyway.
        """
        for pause in RETRY_DELAYS:
            async with self._executing:
                context = subscribing.make_context(viewer)
                try:
                    payload, retryable = await self._operations.tell(subscribing, context, root)
                except NotRun as nothing:
                    if isinstance(root, Told):
                        raise
                    return orjson.dumps({"data": None, "errors": nothing.errors})
                finally:
                    context.end()
            if not retryable:
                return payload
            await asyncio.sleep(pause)
        raise Problem("BUSY", "The database is not available. Continue from the last cursor.")

    def _execution(
        self, audience: Audience, event: Event, apart: object, cursor: str | None = None
    ) -> Execution:
        cursor = cursor or self._cursor_of(audience.stream, event.position)
        whose = None if audience.viewer.id == SHARED else apart
        key = (audience.key, whose, cursor, event.event_id, event.entity_id)
        return Execution(key, Told(kind_of(event), cursor, event.at, event))

    async def _of_event(self, execution: Execution, audience: Audience) -> Telling:
        make = partial(self.alone, audience.subscribing, audience.viewer, execution.told)
        return Telling(await self._made.get(execution.key, make), execution.told.cursor)

    async def _of_each_beneath(
        self, audience: Audience, event: Event, apart: object
    ) -> list[Telling]:
        """Return a payload for each row that an event hides or shows; RESYNC for too many rows.

        All but the last have the cursor of the event before: a client that is cut off between them
        receives all of them again.
        """
        ancestor = model_named(event.entity_type)
        assert ancestor is not None  # noqa: S101 (something stands beneath it)
        models = held_by(audience.stream, audience.viewer, event)
        async with self._executing:
            session = audience.subscribing.make_context(audience.viewer).session
            rows = await session.beneath(ancestor, event.entity_id, models, MAX_BENEATH + 1)
        if rows is None or len(rows) > MAX_BENEATH:
            cursor = self._cursor_of(audience.stream, event.position)
            anew = Told(ChangeKind.RESYNC, cursor, event.at)
            return [Telling(await self.alone(audience.subscribing, audience.viewer, anew), cursor)]
        before = self._cursor_of(audience.stream, event.position - 1)
        wanted = [
            self._execution(audience, each, apart, before if i < len(rows) else None)
            for i, each in enumerate(each_of(event, rows), 1)
        ]
        tellings = []
        for start in range(0, len(wanted), MAX_BATCH):
            self.begin(audience, wanted[start : start + MAX_BATCH])
            for execution in wanted[start : start + MAX_BATCH]:
                tellings.append(await self._of_event(execution, audience))  # noqa: PERF401 (it waits)
        return tellings

    def begin(self, audience: Audience, wanted: Sequence[Execution]) -> None:
        """Start executions that are not cached or in progress, in one context with its loaders."""
        if len(wanted) < 2:  # noqa: PLR2004 (one is executed when its turn comes)
            return
        new = {each.key: each.told for each in wanted if each.key not in self._made}
        if new:
            together = asyncio.create_task(self._together(audience, list(new.values())))
            for place, key in enumerate(new):
                self._made.begin(key, partial(_nth, together, place))

    async def _together(
        self, audience: Audience, several: Sequence[Told]
    ) -> list[bytes | Exception]:
        """Return the payload for each root value, or the exception with which it failed."""
        subscribing, viewer = audience.subscribing, audience.viewer
        async with self._executing:
            context = subscribing.make_context(viewer)
            context.session.most_pasts = len(several)  # each may be about another state
            payloads = await self._operations.tell_each(subscribing, context, several)
            context.end()
            if payloads is not None:
                return [*payloads]
            context = subscribing.make_context(viewer)
            context.session.most_pasts = len(several)
            answers = await asyncio.gather(
                *(self._operations.tell(subscribing, context, told) for told in several),
                return_exceptions=True,
            )
            context.end()
        found: list[bytes | Exception] = []
        for told, answer in zip(several, answers, strict=True):
            if isinstance(answer, Exception):
                found.append(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                payload, retryable = answer
                found.append(await self._again(subscribing, viewer, told) if retryable else payload)
        return found

    async def _again(
        self, subscribing: Subscribing, viewer: Viewer, told: Told
    ) -> bytes | Exception:
        try:
            return await self.alone(subscribing, viewer, told)
        except Exception as error:  # noqa: BLE001 (whoever waits for it is told)
            return error


async def _nth(together: "asyncio.Task[list[bytes | Exception]]", place: int) -> bytes:
    found = (await asyncio.shield(together))[place]
    if isinstance(found, Exception):
        raise found
    return found
