"""The hub of one node: it tells what happens to whoever follows it, once, and while they may.

Events are pushed. A subscription costs an entry in a set, and neither a task nor a generator; what
many are told alike is executed and written once. Who resumes, or whose rights are being read again,
stands apart from the others, is told what it has missed by executions of its own, and joins those
who follow live when it has caught up with them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Hashable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from auth.viewer import Viewer
from db.feed.reading import Event, read
from db.feed.sequencing import Head, oldest
from db.pool import NOBODY, Database
from db.problem import CODES, Problem
from graph.core.changes import ChangeKind, Told, kind_of
from graph.http.errors import described
from graph.http.live import Access, Sink, Subscribing
from graph.http.operations import NotRun, Operations
from graph.kit.stream import Stream
from graph.live.cursor import Cursor, read_cursor
from graph.live.follower import SHARED, Group, Member, concerns, group_key, is_personal
from graph.live.rights import Concerned, Renewals, concerned_by
from graph.live.tail import Tail

log = structlog.get_logger(__name__)

PAGE = 200
"""Missed events that are read by one statement."""
EXECUTIONS = 8
"""Executions at one time; more would only wait for each other's connections."""
MOST_WAITING = 10_000
"""Events that may wait for a group; it then begins anew instead."""
PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0)
"""Seconds after which an event is told again when the database could not be asked about it."""


class Hub:
    """Follows the feed for this node, and keeps everybody's subscriptions."""

    def __init__(self, database: Database, operations: Operations) -> None:
        self._database, self._operations = database, operations
        self.tail = Tail(database, self)
        self._groups: dict[tuple[str, UUID], dict[Hashable, Group]] = defaultdict(dict)
        self._members: dict[Access, set[Member]] = defaultdict(set)
        self._renewals = Renewals(self._renewed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._executing = asyncio.Semaphore(EXECUTIONS)
        self.position = 0
        """The newest event that everybody's groups have been handed."""

    async def run(self) -> None:
        """Follow for ever; for a task that ends by being cancelled."""
        try:
            await self.tail.run()
        finally:
            self._renewals.close()
            for task in self._tasks:
                task.cancel()

    async def subscribe(self, subscribing: Subscribing, access: Access, sink: Sink) -> "Following":
        """Follow what the operation asks for. Raises Problem, or NotRun with what is wrong.

        Rights are read once more after the hub knows of it, so that no change of them is missed.
        """
        await self.tail.started.wait()
        member = Member(subscribing, access, sink, Stream("document", SHARED, None), self.position)
        self._members[access].add(member)
        try:
            await self._renewals.now(access)
            member.stream = await self._stream(subscribing, access.viewer)
            after = subscribing.after or member.stream.after
            resumed = await self._resumes(read_cursor(after)) if after else None
        except BaseException:
            self._forget(member)
            raise
        self._greet(member, ChangeKind.RESYNC if after and resumed is None else ChangeKind.READY)
        if resumed is not None:
            member.position = resumed
        return Following(self, member)

    def dispatch(self, events: list[Event]) -> None:
        """Take note of these, which follow those before."""
        for event in events:
            if concerned := concerned_by(event):
                self._renew(concerned)
            for key in _keys(event):
                for group in list(self._groups.get(key, {}).values()):
                    if len(group.waiting) >= MOST_WAITING:
                        self._begin_anew(group)
                    else:
                        group.waiting.append(event)
                        self._work(group)
            self.position = event.position

    def restart(self, now: Head) -> None:
        """The feed begins anew: whoever follows is told so, and goes on from here."""
        self.position = now.position
        self._groups.clear()  # events of the old order may still be on their way through them
        for member in [member for members in self._members.values() for member in members]:
            member.group = None
            self._greet(member, ChangeKind.RESYNC)

    def cancel(self, member: Member) -> None:
        """Nothing more is wanted."""
        member.over = True
        self._forget(member)

    # One member

    async def _stream(self, subscribing: Subscribing, viewer: Viewer) -> Stream:
        context = subscribing.make_context(viewer)
        stream = await self._operations.follow(subscribing, context)
        if not isinstance(stream, Stream):
            raise TypeError("A field of Subscription answers with a Stream.")
        return stream

    async def _resumes(self, cursor: Cursor) -> int | None:
        """Where to go on; None when what came after it is not known any more."""
        if cursor.epoch != self.tail.epoch or cursor.position > self.position:
            return None
        if self.tail.remembers(cursor.position):
            return cursor.position
        async with self._database.auth.lend(NOBODY) as connection:
            return cursor.position if await oldest(connection) <= cursor.position + 1 else None

    def _greet(self, member: Member, kind: ChangeKind) -> None:
        """Say where it stands: here."""
        member.position, member.greeting = self.position, kind
        self._settle(member)

    def _settle(self, member: Member) -> None:
        """Bring a member to the group that it belongs to. One task at a time does it."""
        if not member.settling:
            member.settling = True
            self._spawn(self._settling(member))

    async def _settling(self, member: Member) -> None:
        try:
            while not member.over and member.group is None:
                if await self._renewals.over(member.access):
                    continue
                if member.greeting:
                    await self._say_hello(member, member.greeting)
                else:
                    await self._approach(member)
        except Exception as error:  # noqa: BLE001 (whatever it was, the client must hear of it)
            self._end(member, _refusal(error))
        finally:
            member.settling = False

    async def _say_hello(self, member: Member, kind: ChangeKind) -> None:
        position = member.position
        cursor = str(Cursor(self._epoch(), position))
        told = Told(kind, cursor, datetime.now(UTC))
        payload = await self._executed(member.subscribing, member.access.viewer, told)
        if member.position == position and member.greeting is kind and not member.over:
            member.greeting = None
            member.sink.next(payload, cursor)

    async def _approach(self, member: Member) -> None:
        """Tell it a page of what it has missed, or let it join when there is nothing."""
        group = self._group_of(member)
        told_to = group.told_to if group.working else self.position
        if member.position >= told_to:
            group.members.add(member)
            member.group = group
            return
        events = await self._missed(member, told_to)
        for event in events:
            if not concerns(member.stream, group.viewer, event):
                continue
            payload, cursor = await self._told(group.subscribing, group.viewer, event)
            if self._disturbed(member, group):
                return
            member.tell(event.position, payload, cursor)
        if not self._disturbed(member, group):
            reached = told_to if len(events) < PAGE else events[-1].position
            member.position = max(member.position, reached)

    def _disturbed(self, member: Member, group: Group) -> bool:
        """Whether what was executed for it is from another order, or by rights that have ended."""
        return (
            member.over
            or member.greeting is not None
            or self._renewals.pending(member.access)
            or group_key(member) != group.key
        )

    async def _missed(self, member: Member, up_to: int) -> list[Event]:
        stream, after = member.stream, member.position
        if self.tail.remembers(after):
            return [
                event for event in self.tail.between(after, up_to) if stream.key in _keys(event)
            ][:PAGE]
        async with self._database.auth.lend(NOBODY) as connection:
            return await read(
                connection, stream.kind, stream.id, after=after, up_to=up_to, most=PAGE
            )

    # Groups

    def _group_of(self, member: Member) -> Group:
        groups, key = self._groups[member.stream.key], group_key(member)
        if key not in groups:
            viewer = member.access.viewer
            if not is_personal(member):
                viewer = replace(viewer, id=SHARED, email=None, session_id=None, client_id=None)
            groups[key] = Group(key, member.stream, member.subscribing, viewer, self.position)
        return groups[key]

    def _work(self, group: Group) -> None:
        if not group.working:
            group.working = True
            self._spawn(self._tell(group))

    async def _tell(self, group: Group) -> None:
        """Tell the group what waits for it, one event after the other."""
        try:
            while group.waiting:
                event = group.waiting.popleft()
                if group.members and concerns(group.stream, group.viewer, event):
                    payload, cursor = await self._told(group.subscribing, group.viewer, event)
                    for member in list(group.members):
                        member.tell(event.position, payload, cursor)
                group.told_to = event.position
        except Exception as error:  # noqa: BLE001 (whatever it was, clients must hear of it)
            for member in list(group.members):
                self._end(member, _refusal(error))
            group.waiting.clear()
        finally:
            group.working = False
            self._drop(group)

    def _begin_anew(self, group: Group) -> None:
        """It cannot keep up: its members go on from here, and are told so."""
        group.waiting.clear()
        for member in list(group.members):
            self._leave(member)
            self._greet(member, ChangeKind.RESYNC)

    async def _told(
        self, subscribing: Subscribing, viewer: Viewer, event: Event
    ) -> tuple[bytes, str]:
        cursor = str(Cursor(self._epoch(), event.position))
        told = Told(kind_of(event), cursor, event.at, event)
        return await self._executed(subscribing, viewer, told), cursor

    async def _executed(self, subscribing: Subscribing, viewer: Viewer, told: Told) -> bytes:
        """What the operation says of it. Raises BUSY when the database cannot be asked for long."""
        for pause in PAUSES:
            async with self._executing:
                context = subscribing.make_context(viewer)
                payload, retryable = await self._operations.tell(subscribing, context, told)
            if not retryable:
                return payload
            await asyncio.sleep(pause)
        raise Problem("BUSY", "The database cannot be asked. Go on from the last cursor.")

    def _leave(self, member: Member) -> None:
        group, member.group = member.group, None
        if group:
            group.members.discard(member)
            if not (group.members or group.working):
                self._drop(group)

    def _drop(self, group: Group) -> None:
        groups = self._groups.get(group.stream.key, {})
        if groups.get(group.key) is group and not (group.members or group.waiting):
            del groups[group.key]
            if not groups:
                self._groups.pop(group.stream.key, None)

    def _forget(self, member: Member) -> None:
        self._leave(member)
        members = self._members.get(member.access, set())
        members.discard(member)
        if not members:
            self._members.pop(member.access, None)
            self._renewals.forget(member.access)

    # Rights

    def _renew(self, concerned: Concerned) -> None:
        """Have the rights of these people read again; until then they are told nothing."""
        for access, members in list(self._members.items()):
            if concerned.includes(access.viewer, _organizations(members)):
                self._renewals.begin(access)
                for member in members:
                    self._leave(member)

    async def _renewed(self, access: Access) -> None:
        """Let go on with what may still be followed, by the rights that were just read."""
        for member in list(self._members.get(access, ())):
            try:
                await self._stream(member.subscribing, access.viewer)
            except (Problem, NotRun) as refused:
                self._end(member, refused)
            else:
                self._leave(member)
                self._settle(member)

    def _end(self, member: Member, refused: Problem | NotRun) -> None:
        errors = refused.errors if isinstance(refused, NotRun) else [described(refused)]
        self.cancel(member)
        member.sink.error(errors)

    # Tasks

    def _epoch(self) -> UUID:
        assert self.tail.epoch is not None  # noqa: S101 (the tail has started)
        return self.tail.epoch

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("live", error=type(error).__name__, exc_info=error)


class Following:
    """A subscription, as its transport holds it."""

    __slots__ = ("_hub", "_member")

    def __init__(self, hub: Hub, member: Member) -> None:
        self._hub, self._member = hub, member

    def cancel(self) -> None:
        """Nothing more is wanted."""
        self._hub.cancel(self._member)


def _keys(event: Event) -> Iterable[tuple[str, UUID]]:
    """The streams that hear of an event."""
    departed = event.departed
    if event.organization_id and departed is None:
        yield "organization", event.organization_id
    if event.project_id and departed != "document":
        yield "project", event.project_id
    if event.document_id:
        yield "document", event.document_id
    if departed is None:
        yield "entity", event.entity_id
        if event.entity_type == "Notification" and event.user_id:
            yield "person", event.user_id


def _organizations(members: Iterable[Member]) -> set[UUID]:
    return {id for member in members if (id := member.stream.organization_id)}


def _refusal(error: Exception) -> Problem:
    """What clients hear of it; they go on from their cursor when it may pass."""
    if isinstance(error, Problem):
        return error
    log.error("live", error=type(error).__name__, exc_info=error)
    return Problem("INTERNAL", CODES["INTERNAL"].meaning)
