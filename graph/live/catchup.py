"""Catch-up: a member that has missed events is sent them on its own, then joins its group."""

from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

from auth.session.beneath import hides_in_place
from auth.viewer import Viewer
from db.feed.reading import Event, read
from db.feed.sequencing import reach
from db.pool import NOBODY, Database
from db.problem import Problem
from graph.core.changes import ChangeKind
from graph.http.operation.operations import NotRun
from graph.kit.stream import Stream
from graph.live.audience import alone_in, split_all
from graph.live.cursor import Cursor
from graph.live.executions import Execution, Executions
from graph.live.follower import Audience, Group, Member
from graph.live.groups import Groups
from graph.live.hiding import may_hide
from graph.live.rights import Renewals
from graph.live.tail import Tail

PAGE = 1000
"""Missed events that are read by one statement."""
TOGETHER = 500
"""Missed events that are executed together. The statement that reads rows at their versions goes
back through all later versions of each, for as many versions as are read at once."""


class Catchup:
    """Brings members up to their groups.

    `position` returns the position of the groups; `greet` restarts a member; `asked` determines its
    stream again, and `end` ends it with the refusal of that.
    """

    def __init__(
        self,
        database: Database,
        tail: Tail,
        groups: Groups,
        executions: Executions,
        renewals: Renewals,
        *,
        position: Callable[[], int],
        greet: Callable[[Member, ChangeKind], None],
        asked: Callable[[Member], Awaitable[Stream]],
        end: Callable[[Member, Problem | NotRun], None],
    ) -> None:
        self._database, self._tail = database, tail
        self._groups, self._executions, self._renewals = groups, executions, renewals
        self._position, self._greet, self._asked, self._end = position, greet, asked, end

    async def resumes(self, cursor: Cursor | None) -> int | None:
        """Return the position to resume from; None when events after it are no longer kept."""
        if cursor is None:
            return None
        here = cursor.epoch == self._tail.epoch and cursor.position <= self._position()
        if here and self._tail.remembers(cursor.position):
            return cursor.position
        async with self._database.auth.lend(NOBODY) as connection:
            feed = await reach(connection)  # another node may be ahead of this one
        kept = feed.oldest <= cursor.position + 1 <= feed.position + 1
        same = cursor.epoch == feed.epoch == self._tail.epoch
        return cursor.position if same and kept else None

    async def approach(self, member: Member) -> None:
        """Send a page of missed events, or join the group when there are none."""
        group = self._groups.of(member, self._position())
        told_to = group.told_to if group.working else self._position()
        if member.position >= told_to:
            if not member.doubtful:
                self._groups.join(member, group)
                return
            member.doubtful = False
            await self._ask(member)
            return
        seen = member.access.viewer, member.stream
        events = await self._missed(member, told_to)
        if self._disturbed(member, seen):
            return
        if events is None:
            self._greet(member, ChangeKind.RESYNC)
            return
        member.doubtful |= member.stream.kind == "entity"
        apart, alone = object(), alone_in(group, member)
        for start in range(0, len(events), TOGETHER):
            await member.sink.ready()
            planned = self._begin(alone, events[start : start + TOGETHER], apart)
            for event, audience, execution in planned:
                tellings = await self._executions.answer(audience, event, execution, apart)
                if tellings:
                    await member.sink.ready()
                if self._disturbed(member, seen):
                    return
                member.tell(event.position, tellings)
                member.doubtful |= may_hide(member.stream, event)
        reached = told_to if len(events) < PAGE else events[-1].position
        member.position = max(member.position, reached)

    def _begin(
        self, alone: Group, events: list[Event], apart: object
    ) -> list[tuple[Event, Audience, Execution | None]]:
        """Begin to execute these events together, for each audience that the member is in."""
        planned, wanted = [], dict[Audience, list[Execution]]()
        for event in events:
            ((audience, _),) = split_all(alone, event)
            execution = self._executions.plan(audience, event, apart)
            planned.append((event, audience, execution))
            if execution:
                wanted.setdefault(audience, []).append(execution)
        for audience, executions in wanted.items():
            self._executions.begin(audience, executions)
        return planned

    async def _ask(self, member: Member) -> None:
        """End the subscription if its person may no longer see what it follows."""
        viewer = member.access.viewer
        try:
            await self._asked(member)
        except (Problem, NotRun) as refused:
            pending = member.over or self._renewals.pending(member.access)
            if not pending and viewer is member.access.viewer:
                self._end(member, refused)

    def _disturbed(self, member: Member, seen: tuple[Viewer, Stream]) -> bool:
        """Return whether results for a member are outdated: its stream or rights have changed."""
        viewer, stream = seen
        return (
            member.over
            or member.greeting is not None
            or self._renewals.pending(member.access)
            or member.stream is not stream
            or (member.access.viewer is not viewer and member.access.viewer != viewer)
        )

    async def _missed(self, member: Member, up_to: int) -> list[Event] | None:
        """Return the next events that it has missed; None when some are no longer kept."""
        stream, after = member.stream, member.position
        if self._tail.remembers(after):
            return [
                event for event in self._tail.between(after, up_to) if stream.key in keys_of(event)
            ][:PAGE]
        async with self._database.auth.lend(NOBODY) as connection:
            events = await read(
                connection, stream.kind, stream.id, after=after, up_to=up_to, most=PAGE
            )
            feed = await reach(connection)  # read last: what is kept now was kept before
        return events if feed.epoch == self._tail.epoch and feed.oldest <= after + 1 else None


def keys_of(event: Event) -> Iterable[tuple[str, UUID]]:
    """Return the keys of the streams that an event is sent to."""
    departed = event.departed
    if event.organization_id and departed is None:
        yield "organization", event.organization_id
    if event.project_id and (departed is None or departed.in_project):
        yield "project", event.project_id
    if event.document_id:
        yield "document", event.document_id
        if event.action == "delete" and hides_in_place(event.entity_type):
            yield "within", event.document_id
    if departed is None:
        yield "entity", event.entity_id
        if event.entity_type == "Notification" and event.user_id:
            yield "person", event.user_id
