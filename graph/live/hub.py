"""The hub of one node: it sends each event once to every follower who may see it.

Events are pushed. A subscription costs an entry in a set, and neither a task nor a generator; a
payload that many share is executed and serialized once. A member that resumes, or whose rights are
being loaded again, is outside of its group, catches up by executions of its own, and then joins the
group.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars

from auth.viewer import Viewer
from db.feed.reading import Event
from db.feed.sequencing import Head
from db.pool import Database
from db.problem import Problem
from graph.core.changes import ChangeKind, Told
from graph.http.operation.errors import Reporter, described
from graph.http.operation.operations import NotRun, Operations
from graph.http.operation.ports import Access, Sink, Subscribing
from graph.kit.stream import Stream
from graph.live.access_index import Accesses
from graph.live.bus import Bus
from graph.live.catchup import Catchup, keys_of
from graph.live.cursor import Cursor, Cursors
from graph.live.executions import Executions
from graph.live.follower import SHARED, Group, Member, may_concern
from graph.live.groups import Groups
from graph.live.presence import Presence
from graph.live.reach import Reaches
from graph.live.recounts import Recounts
from graph.live.rights import ANYWHERE, AccessKey, Renewals, concerned_by, keeps_rights, opened_by
from graph.live.tail import Tail
from graph.live.tasks import Tasks, together
from graph.live.waiting import Waiting

log = structlog.get_logger(__name__)

RESTART_DELAY = 1.0
"""Seconds after an internal error until the hub restarts."""
MAX_QUEUED = 10_000
"""Events that may wait for a group, at most; past that its members are sent RESYNC."""


class Hub:
    """Follows the feed for this node, and has all its subscriptions.

    `bus` carries presence between nodes; `waking` carries wake-ups for new events, beside NOTIFY.
    `rights_changed` is called with the marks of people whose rights an event may have changed,
    before the event is sent.
    """

    def __init__(
        self,
        database: Database,
        operations: Operations,
        cursors: Cursors,
        bus: Bus,
        waking: Bus | None = None,
        *,
        rights_changed: Callable[[frozenset[AccessKey]], None] = lambda _: None,
    ) -> None:
        self._rights_changed = rights_changed
        self._database, self._operations, self._cursors = database, operations, cursors
        self.tail = Tail(database, self, waking)
        self._tasks = Tasks()
        self._reaches = Reaches(operations.documents.schema)
        self._executions = Executions(operations, self._cursor_of)
        self._groups = Groups(operations, self._executions, self._tasks, self._fail_all, self._end)
        announce = self._groups.announce
        self.presence = Presence(bus, partial(announce, "presence"))
        self._recounts = Recounts(partial(announce, "statistics"))
        self._accesses = Accesses()
        self._renewals = Renewals(self._stand_still, self._renewed)
        self.waiting = Waiting()
        self._catchup = Catchup(
            database,
            self.tail,
            self._groups,
            self._executions,
            self._renewals,
            position=lambda: self.position,
            greet=self._greet,
            asked=lambda member: self._stream(member.subscribing, member.access.viewer),
            end=self._end,
        )
        self.position = 0
        """The newest event that everybody's groups have been handed."""

    async def run(self) -> None:
        """Follow the feed until the task is cancelled.

        After an internal error it restarts, and all subscriptions are sent RESYNC.
        """
        try:
            while True:
                try:
                    await together(self.tail.run(), self.presence.run())
                except Exception:
                    log.exception("live")
                self.tail.begin_anew()
                await asyncio.sleep(RESTART_DELAY)
        finally:
            self._recounts.close()
            self._renewals.close()
            self._tasks.cancel()

    async def subscribe(self, subscribing: Subscribing, access: Access, sink: Sink) -> "Following":
        """Start a subscription. Raises Problem, or NotRun with the errors.

        Rights are loaded again after it is registered, so that no change of them is missed.
        """
        await self.tail.started.wait()
        member = Member(subscribing, access, sink, Stream("document", SHARED, None), self.position)
        self._accesses.put(member)
        try:
            await self._renewals.now(access)
            kind, resumed = await self._begin(member)
            self._accesses.put(member)
            if member.is_announced:
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
                self._rights_changed(marks)
                self._renew(marks, event)
            for key in keys_of(event):
                self.waiting.wake(key)
                self._recounts.changed(key[1])
                for group in self._groups.following(key):
                    if len(group.waiting) >= MAX_QUEUED:
                        self._begin_anew(group)
                    else:
                        self._groups.put(group, event)
            self.position = event.position

    def restart(self, now: Head) -> None:
        """Send RESYNC to all subscriptions, because the feed restarts at this position.

        Events that were skipped may have changed rights, too.
        """
        self.position = now.position
        self._rights_changed(frozenset({ANYWHERE}))
        self.waiting.wake_all()
        self._groups.clear()  # events of the old order may still be on their way through them
        self._executions.forget()
        for member in self._accesses:
            member.group = None
            if not member.begun:
                member.outdated = True
            elif member.is_announced:
                self._settle(member)
            else:
                self._greet(member, ChangeKind.RESYNC)
        for access in {member.access for member in self._accesses}:
            self._stand_still(access)
            self._renewals.begin(access)

    def cancel(self, member: Member) -> None:
        """Cancel the subscription."""
        member.over = True
        self._forget(member)

    # One member

    async def _begin(self, member: Member) -> tuple[ChangeKind, int | None]:
        """Determine its stream; return the kind of the first payload, and the position to resume.

        The stream is determined again when rights have changed meanwhile, or the feed started anew.
        """
        subscribing, kind, resumed = member.subscribing, ChangeKind.READY, None
        member.reach = self._reaches.of(subscribing.document)
        while member.outdated:
            member.outdated = False
            member.stream = await self._stream(subscribing, member.access.viewer)
            given = subscribing.after
            after = member.stream.after if given is None else given
            if after is not None:
                resumed = await self._catchup.resumes(self._cursors.read(after, member.stream))
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
        """Add a member to those of a place; it receives the announcement with the others."""
        announcer = self._announcer(member)
        announcer.enter(member)
        member.position = announcer.position
        self._settle(member)

    def _announcer(self, member: Member) -> Presence | Recounts:
        return self.presence if member.is_present else self._recounts

    def _greet(self, member: Member, kind: ChangeKind) -> None:
        """Set its position to the newest one, and the payload to send first."""
        member.position, member.greeting = self.position, kind
        self._settle(member)

    def _settle(self, member: Member) -> None:
        """Move a member to the group to which it belongs, in one task at a time."""
        if not member.settling:
            member.settling = True
            self._tasks.start(self._settling(member))

    async def _settling(self, member: Member) -> None:
        failed: Exception | None = None
        try:
            while not member.over and member.group is None:
                if await self._renewals.over(member.access):
                    continue
                if member.is_announced:
                    self._groups.join(member, self._groups.of(member, 0))
                    self._announcer(member).changed(member.stream.id)
                elif member.greeting:
                    await self._say_hello(member, member.greeting)
                else:
                    await self._catchup.approach(member)
        except Exception as error:  # noqa: BLE001 (whatever it was, the client must hear of it)
            failed = error
        finally:
            member.settling = False
        if failed:
            self._fail(member, failed)

    async def _say_hello(self, member: Member, kind: ChangeKind) -> None:
        position = member.position
        cursor = self._cursors.of_place(member.stream, self._at(position))
        told = Told(kind, cursor, datetime.now(UTC))
        payload = await self._executions.alone(member.subscribing, member.access.viewer, told)
        if member.position == position and member.greeting is kind and not member.over:
            member.greeting = None
            member.sink.next(payload, cursor)

    # Groups

    def _begin_anew(self, group: Group) -> None:
        """Discard a group that cannot keep up; its members are sent RESYNC, and continue from here.

        They catch up with the event that overflowed the queue like with any that they missed.
        """
        for member in self._groups.abandon(group):
            self._greet(member, ChangeKind.RESYNC)

    def _forget(self, member: Member) -> None:
        self._groups.leave(member)
        if member.is_announced:
            self._announcer(member).leave(member)
        self._accesses.drop(member)
        if member.access not in self._accesses:
            self._renewals.forget(member.access)

    # Rights

    def _renew(self, marks: frozenset[AccessKey], event: Event) -> None:
        """Load the rights of the people with these marks again; until then they are sent nothing.

        Rights at a project that do not depend on its visibility are kept; where they may, only
        subscriptions that may depend on them pause.
        """
        if ANYWHERE in marks:
            self._renewals.outdate()
            self._executions.forget()  # who may see as much as before may see other rows
        project = opened_by(event)
        for access in self._accesses.marked(marks):
            if project and self._keeps(access, event.organization_id, project):
                continue
            self._stand_still(access, project)
            self._renewals.begin(access)

    def _keeps(self, access: Access, organization_id: UUID | None, project_id: UUID) -> bool:
        """Return whether the rights of this access are known and do not depend on a visibility."""
        if not keeps_rights(access.viewer, organization_id, project_id):
            return False
        known = not self._renewals.pending(access)
        return known and all(member.begun for member in self._accesses.of(access))

    def _stand_still(self, access: Access, project_id: UUID | None = None) -> None:
        """Take its subscriptions out of their groups; of an opened project, those it concerns."""
        for member in self._accesses.of(access):
            if project_id is None or may_concern(member, project_id):
                self._groups.leave(member)

    async def _renewed(self, access: Access) -> bool:
        """Resume the subscriptions that are still allowed, by the rights that were just read."""
        members = self._accesses.of(access)
        for member in members:
            self._accesses.put(member)  # its person may be in other organizations now
        for member in members:
            if not member.begun:
                member.outdated = True
                continue
            try:
                member.stream = await self._stream(member.subscribing, access.viewer)
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

    def _fail_all(self, members: list[Member], error: Exception) -> None:
        for member in members:
            self._fail(member, error)

    def _fail(self, member: Member, error: Exception) -> None:
        """End a member with its error; after an internal error it is sent RESYNC, if possible.

        A client that resumed from its last cursor would fail at the same event again.
        """
        if isinstance(error, NotRun):
            code = error.errors[0]["extensions"]["code"]
        else:
            request_id = member.subscribing.request_id
            with bound_contextvars(request_id=request_id):
                error = Reporter(request_id).of_exception(error)
            code = error.code
        if code == "INTERNAL" and member.greeting is None and not member.is_announced:
            self._greet(member, ChangeKind.RESYNC)
        else:
            self._end(member, error)

    def _cursor_of(self, stream: Stream, position: int) -> str:
        return self._cursors.of_event(stream, self._at(position))

    def _at(self, position: int) -> Cursor:
        assert self.tail.epoch is not None  # noqa: S101 (the tail has started)
        return Cursor(self.tail.epoch, position)


class Following:
    """The handle of a subscription for its transport."""

    __slots__ = ("_hub", "_member")

    def __init__(self, hub: Hub, member: Member) -> None:
        self._hub, self._member = hub, member

    def cancel(self) -> None:
        """Cancel the subscription."""
        self._hub.cancel(self._member)
