"""Groups of followers, each of which is told by one execution, written once."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from auth.viewer import Viewer
from db.feed.reading import Event
from db.problem import Problem
from graph.core.changes import Told, kind_of
from graph.http.live import Subscribing
from graph.http.operations import Operations
from graph.kit.presence import Announcement
from graph.live.follower import (
    SHARED,
    Group,
    Member,
    News,
    concerns,
    group_key,
    is_personal,
)
from graph.live.made import Made
from graph.live.tasks import Tasks

EXECUTIONS = 8
"""Executions at one time; more would only wait for each other's connections."""
AHEAD = 8
"""Events of one group that are executed while those before them are."""
PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0)
"""Seconds after which an event is told again when the database could not be asked about it."""


class Groups:
    """Everybody's groups, by what they follow.

    `cursor_of` says what clients are given for a position of the feed; `failed` is called with
    whoever cannot be told any more, and why.
    """

    def __init__(
        self,
        operations: Operations,
        tasks: Tasks,
        cursor_of: Callable[[int], str],
        failed: Callable[[Member, Exception], None],
    ) -> None:
        self._operations, self._tasks = operations, tasks
        self._cursor_of, self._failed = cursor_of, failed
        self._groups: dict[tuple[str, UUID], dict[Hashable, Group]] = defaultdict(dict)
        self._made = Made()
        self._executing = asyncio.Semaphore(EXECUTIONS)

    def following(self, key: tuple[str, UUID]) -> list[Group]:
        """Those of whoever follows this."""
        return list(self._groups.get(key, {}).values())

    def of(self, member: Member, told_to: int) -> Group:
        """The group that a member belongs to; a new one has been told everything up to here.

        Nobody else hears of a new one before somebody joins it.
        """
        key = group_key(member)
        if group := self._groups.get(member.stream.key, {}).get(key):
            return group
        viewer = member.access.viewer
        if not is_personal(member):
            viewer = replace(viewer, id=SHARED, email=None, session_id=None, client_id=None)
        return Group(key, member.stream, member.subscribing, viewer, told_to)

    def join(self, member: Member, group: Group) -> None:
        """From now on it is told with the others."""
        self._groups[group.stream.key][group.key] = group
        group.members.add(member)
        member.group = group

    def leave(self, member: Member) -> None:
        """It is told with the others no more."""
        group, member.group = member.group, None
        if group:
            group.members.discard(member)
            if not (group.members or group.working):
                self._drop(group)

    def abandon(self, group: Group) -> list[Member]:
        """What is on its way through it reaches nobody. Its members, who are in no group now.

        They do not come back to it: whoever relies on what it has been told would miss the rest.
        """
        members = list(group.members)
        for member in members:
            member.group = None
        group.members.clear()
        group.waiting.clear()
        self._drop(group)
        return members

    def clear(self) -> None:
        """There are none any more, nor anything that they were told."""
        for groups in list(self._groups.values()):
            for group in list(groups.values()):
                self.abandon(group)
        self.forget()

    def forget(self) -> None:
        """Execute anew what comes from now on: others may be told something else of it."""
        self._made.clear()

    def put(self, group: Group, news: News) -> None:
        """Tell this after what waits already."""
        group.waiting.append(news)
        if not group.working:
            group.working = True
            self._tasks.start(self._tell(group))

    def announce(self, document_id: UUID, announcement: Announcement) -> None:
        """Tell those who follow it who is in a document, in the place of what still waits."""
        for group in self.following(("presence", document_id)):
            group.waiting.clear()
            self.put(group, announcement)

    async def told(
        self, group: Group, news: News, apart: object = None
    ) -> tuple[bytes, str | None]:
        """What the group's operation says of it, and the cursor to give with it.

        An event is executed once for as long as that is remembered, however many come back for it;
        but what is told to one person, for each who catches up `apart` from the group: such as the
        number of what is unread now.
        """
        if isinstance(news, Announcement):
            return await self.executed(group.subscribing, group.viewer, news), None
        cursor, key, execute = self._execution(group, news, apart)
        return await self._made.get(key, execute), cursor

    def prepare(self, group: Group, several: Sequence[News], apart: object = None) -> None:
        """Begin to execute what is to be told next, so that one need not wait for the other."""
        if len(several) > 1:
            for news in several:
                if isinstance(news, Event) and concerns(group.stream, group.viewer, news):
                    _, key, execute = self._execution(group, news, apart)
                    self._made.begin(key, execute)

    def _execution(
        self, group: Group, event: Event, apart: object
    ) -> tuple[str, Hashable, Callable[[], Coroutine[Any, Any, bytes]]]:
        """The event's cursor, whose and what it is that is executed, and how to do that."""
        cursor = self._cursor_of(event.position)
        told = Told(kind_of(event), cursor, event.at, event)
        whose = None if group.viewer.id == SHARED else apart
        key = (group.key, whose, cursor, event.event_id)
        return cursor, key, partial(self.executed, group.subscribing, group.viewer, told)

    async def executed(
        self, subscribing: Subscribing, viewer: Viewer, root: Told | Announcement
    ) -> bytes:
        """What the operation says of it. Raises BUSY when the database cannot be asked for long."""
        for pause in PAUSES:
            async with self._executing:
                context = subscribing.make_context(viewer)
                payload, retryable = await self._operations.tell(subscribing, context, root)
            if not retryable:
                return payload
            await asyncio.sleep(pause)
        raise Problem("BUSY", "The database cannot be asked. Go on from the last cursor.")

    async def _tell(self, group: Group) -> None:
        """Tell the group what waits for it, one after the other."""
        try:
            while group.waiting:
                several = [group.waiting.popleft() for _ in range(min(AHEAD, len(group.waiting)))]
                if group.members:
                    self.prepare(group, several)
                for news in several:
                    await self._tell_one(group, news)
        except Exception as error:  # noqa: BLE001 (whatever it was, clients must hear of it)
            for member in list(group.members):
                self._failed(member, error)
            group.waiting.clear()
        finally:
            group.working = False
            self._drop(group)

    async def _tell_one(self, group: Group, news: News) -> None:
        if group.members and concerns(group.stream, group.viewer, news):
            payload, cursor = await self.told(group, news)
            for member in list(group.members):
                member.tell(news.position, payload, cursor)
        group.told_to = news.position

    def _drop(self, group: Group) -> None:
        groups = self._groups.get(group.stream.key, {})
        if groups.get(group.key) is group and not (group.members or group.waiting):
            del groups[group.key]
            if not groups:
                self._groups.pop(group.stream.key, None)
