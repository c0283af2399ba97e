"""The hub of one node: it tells what happens to whoever follows it, once, and while they may.

Events are pushed. A subscription costs an entry in a set, and neither a task nor a generator; what
many are told alike is executed and written once. Who resumes, or whose rights are being read again,
stands apart from the others, is told what it has missed by executions of its own, and joins those
who follow live when it has caught up with them.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars

from auth.viewer import Viewer
from db.feed.reading import Event, read
from db.feed.sequencing import Head, reach
from db.pool import NOBODY, Database
from db.problem import Problem
from graph.core.changes import ChangeKind, Told
from graph.http.errors import Reporter, described
from graph.http.live import Access, Sink, Subscribing
from graph.http.operations import NotRun, Operations
from graph.kit.stream import Stream
from graph.live.accesses import Accesses
from graph.live.bus import Bus, PostgresBus
from graph.live.cursor import Cursor, read_cursor
from graph.live.follower import SHARED, Group, Member, concerns, group_key
from graph.live.groups import AHEAD, Groups
from graph.live.presence import Presence
from graph.live.rights import ANYWHERE, Mark, Renewals, concerned_by
from graph.live.tail import Tail
from graph.live.tasks import Tasks, together

log = structlog.get_logger(__name__)

PAGE = 200
"""Missed events that are read by one statement."""
ANEW = 1.0
"""Seconds after a defect until the hub begins anew."""
MOST_WAITING = 10_000
"""Events that may wait for a group; it then begins anew instead."""


class Hub:
    """Follows the feed for this node, and keeps everybody's subscriptions.

    `bus` carries between nodes who is present, by default through NOTIFY of the database; `waking`
    that there are events, beside what the database says of it.
    """

    def __init__(
        self,
        database: Database,
        operations: Operations,
        bus: Bus | None = None,
        waking: Bus | None = None,
    ) -> None:
        self._database, self._operations = database, operations
        self.tail = Tail(database, self, waking)
        self._tasks = Tasks()
        self._groups = Groups(operations, self._tasks, self._cursor_of, self._fail)
        self.presence = Presence(bus or PostgresBus(database, "presence"), self._groups.announce)
        self._accesses = Accesses()
        self._renewals = Renewals(self._stand_still, self._renewed)
        self.position = 0
        """The newest event that everybody's groups have been handed."""

    async def run(self) -> None:
        """Follow for ever; for a task that ends by being cancelled.

        After a defect it begins anew, and so does whoever follows: nobody stands still in silence.
        """
        try:
            while True:
                try:
                    await together(self.tail.run(), self.presence.run())
                except Exception:
                    log.exception("live")
                self.tail.begin_anew()
                await asyncio.sleep(ANEW)
        finally:
            self._renewals.close()
            self._tasks.cancel()

    async def subscribe(self, subscribing: Subscribing, access: Access, sink: Sink) -> "Following":
        """Follow what the operation asks for. Raises Problem, or NotRun with what is wrong.

        Rights are read once more after the hub knows of it, so that no change of them is missed.
        """
        await self.tail.started.wait()
        member = Member(subscribing, access, sink, Stream("document", SHARED, None), self.position)
        self._accesses.put(member)
        try:
            await self._renewals.now(access)
            kind, resumed = await self._begin(member)
            self._accesses.put(member)
            if member.is_present:
                self._enter(member)
                return Following(self, member)
        except BaseException:
            self._forget(member)
            raise
        self._greet(member, kind)
        if resumed is not None:
            member.position = resumed
        return Following(self, member)

    def dispatch(self, events: list[Event]) -> None:
        """Take note of these, which follow those before."""
        for event in events:
            if marks := concerned_by(event):
                self._renew(marks)
            for key in _keys(event):
                for group in self._groups.following(key):
                    if len(group.waiting) >= MOST_WAITING:
                        self._begin_anew(group)
                    else:
                        self._groups.put(group, event)
            self.position = event.position

    def restart(self, now: Head) -> None:
        """The feed begins anew: whoever follows is told so, and goes on from here.

        What was passed over may have changed rights, too.
        """
        self.position = now.position
        self._groups.clear()  # events of the old order may still be on their way through them
        for member in self._accesses:
            member.group = None
            if not member.begun:
                member.outdated = True
            elif member.is_present:
                self._settle(member)
            else:
                self._greet(member, ChangeKind.RESYNC)
        for access in {member.access for member in self._accesses}:
            self._renewals.begin(access)

    def cancel(self, member: Member) -> None:
        """Nothing more is wanted."""
        member.over = True
        self._forget(member)

    # One member

    async def _begin(self, member: Member) -> tuple[ChangeKind, int | None]:
        """Ask what it follows: how to greet it, and where it goes on if it resumes.

        Ask again when rights have changed meanwhile, or the feed has begun anew.
        """
        subscribing, kind, resumed = member.subscribing, ChangeKind.READY, None
        while member.outdated:
            member.outdated = False
            member.stream = await self._stream(subscribing, member.access.viewer)
            if after := subscribing.after or member.stream.after:
                resumed = await self._resumes(read_cursor(after))
                kind = ChangeKind.RESYNC if resumed is None else ChangeKind.READY
            await self._renewals.over(member.access)
        member.begun = True
        return kind, resumed

    async def _stream(self, subscribing: Subscribing, viewer: Viewer) -> Stream:
        context = subscribing.make_context(viewer)
        stream = await self._operations.follow(subscribing, context)
        if not isinstance(stream, Stream):
            raise TypeError("A field of Subscription answers with a Stream.")
        return stream

    def _enter(self, member: Member) -> None:
        """It is present from now on, and is told so with the others."""
        self.presence.enter(member)
        member.position = self.presence.position
        self._settle(member)

    async def _resumes(self, cursor: Cursor) -> int | None:
        """Where to go on; None when what came after it is not known any more."""
        here = cursor.epoch == self.tail.epoch and cursor.position <= self.position
        if here and self.tail.remembers(cursor.position):
            return cursor.position
        async with self._database.auth.lend(NOBODY) as connection:
            feed = await reach(connection)  # another node may be ahead of this one
        kept = feed.oldest <= cursor.position + 1 <= feed.position + 1
        same = cursor.epoch == feed.epoch == self.tail.epoch
        return cursor.position if same and kept else None

    def _greet(self, member: Member, kind: ChangeKind) -> None:
        """Say where it stands: here."""
        member.position, member.greeting = self.position, kind
        self._settle(member)

    def _settle(self, member: Member) -> None:
        """Bring a member to the group that it belongs to. One task at a time does it."""
        if not member.settling:
            member.settling = True
            self._tasks.start(self._settling(member))

    async def _settling(self, member: Member) -> None:
        try:
            while not member.over and member.group is None:
                if await self._renewals.over(member.access):
                    continue
                if member.is_present:
                    self._groups.join(member, self._groups.of(member, 0))
                    self.presence.changed(member.stream.id)
                elif member.greeting:
                    await self._say_hello(member, member.greeting)
                else:
                    await self._approach(member)
        except Exception as error:  # noqa: BLE001 (whatever it was, the client must hear of it)
            self._fail(member, error)
        finally:
            member.settling = False

    async def _say_hello(self, member: Member, kind: ChangeKind) -> None:
        position = member.position
        cursor = self._cursor_of(position)
        told = Told(kind, cursor, datetime.now(UTC))
        payload = await self._groups.executed(member.subscribing, member.access.viewer, told)
        if member.position == position and member.greeting is kind and not member.over:
            member.greeting = None
            member.sink.next(payload, cursor)

    async def _approach(self, member: Member) -> None:
        """Tell it a page of what it has missed, or let it join when there is nothing."""
        group = self._groups.of(member, self.position)
        told_to = group.told_to if group.working else self.position
        if member.position >= told_to:
            self._groups.join(member, group)
            return
        events = await self._missed(member, told_to)
        if self._disturbed(member, group):
            return
        if events is None:
            self._greet(member, ChangeKind.RESYNC)
            return
        concerning = [event for event in events if concerns(member.stream, group.viewer, event)]
        apart = object()
        for i, event in enumerate(concerning):
            await member.sink.ready()
            if i % AHEAD == 0:
                self._groups.prepare(group, concerning[i : i + AHEAD], apart)
            payload, cursor = await self._groups.told(group, event, apart)
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

    async def _missed(self, member: Member, up_to: int) -> list[Event] | None:
        """The next of what it has missed; None when some of that was forgotten meanwhile."""
        stream, after = member.stream, member.position
        if self.tail.remembers(after):
            return [
                event for event in self.tail.between(after, up_to) if stream.key in _keys(event)
            ][:PAGE]
        async with self._database.auth.lend(NOBODY) as connection:
            events = await read(
                connection, stream.kind, stream.id, after=after, up_to=up_to, most=PAGE
            )
            feed = await reach(connection)  # read last: what is kept now was kept before
        return events if feed.epoch == self.tail.epoch and feed.oldest <= after + 1 else None

    # Groups

    def _begin_anew(self, group: Group) -> None:
        """It cannot keep up: its members go on from here, and are told so.

        Of the event that was too many they are told like of any that they have missed.
        """
        for member in self._groups.abandon(group):
            self._greet(member, ChangeKind.RESYNC)

    def _forget(self, member: Member) -> None:
        self._groups.leave(member)
        self.presence.leave(member)
        self._accesses.drop(member)
        if member.access not in self._accesses:
            self._renewals.forget(member.access)

    # Rights

    def _renew(self, marks: frozenset[Mark]) -> None:
        """Have the rights of these people read again; until then they are told nothing."""
        if ANYWHERE in marks:
            self._renewals.outdate()
            self._groups.forget()  # who may see as much as before may see other rows
        for access in self._accesses.marked(marks):
            self._renewals.begin(access)

    def _stand_still(self, access: Access) -> None:
        for member in self._accesses.of(access):
            self._groups.leave(member)

    async def _renewed(self, access: Access) -> bool:
        """Let go on with what may still be followed, by the rights that were just read."""
        members = self._accesses.of(access)
        for member in members:
            self._accesses.put(member)  # its person may be in other organizations now
        for member in members:
            if not member.begun:
                member.outdated = True
                continue
            try:
                await self._stream(member.subscribing, access.viewer)
            except (Problem, NotRun) as refused:
                self._end(member, refused)
            else:
                self._groups.leave(member)
                self._settle(member)
        return access in self._accesses

    def _end(self, member: Member, refused: Problem | NotRun) -> None:
        errors = refused.errors if isinstance(refused, NotRun) else [described(refused)]
        self.cancel(member)
        member.sink.error(errors)

    def _fail(self, member: Member, error: Exception) -> None:
        request_id = member.subscribing.request_id
        with bound_contextvars(request_id=request_id):
            self._end(member, Reporter(request_id).of_exception(error))

    def _cursor_of(self, position: int) -> str:
        assert self.tail.epoch is not None  # noqa: S101 (the tail has started)
        return str(Cursor(self.tail.epoch, position))


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
