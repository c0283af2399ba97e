"""Groups of followers: those with the same rights at an event's place share one execution of it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from uuid import UUID

from db.feed.reading import Event
from db.problem import Problem
from graph.http.operation.operations import NotRun, Operations
from graph.kit.stream import Announcement, Kind
from graph.live.audience import cohort_of, split, split_all
from graph.live.executions import MAX_BATCH, Executions, Telling
from graph.live.follower import Audience, Cohort, Group, Member, News, group_key
from graph.live.hiding import may_hide
from graph.live.tasks import Tasks


class Groups:
    """The groups of all members, by stream.

    `failed` is called with members whose execution failed, now in no group, and the error; `ended`
    with a member who may no longer follow, and the refusal.
    """

    def __init__(
        self,
        operations: Operations,
        executions: Executions,
        tasks: Tasks,
        failed: Callable[[list[Member], Exception], None],
        ended: Callable[[Member, Problem | NotRun], None],
    ) -> None:
        self._operations, self._executions, self._tasks = operations, executions, tasks
        self._failed, self._ended = failed, ended
        self._groups: dict[tuple[str, UUID], dict[Hashable, Group]] = defaultdict(dict)

    def following(self, key: tuple[str, UUID]) -> list[Group]:
        """Return the groups of subscriptions to a stream."""
        return list(self._groups.get(key, {}).values())

    def of(self, member: Member, told_to: int) -> Group:
        """Return the group that a member belongs to; a new one is at position `told_to`.

        A new one is known to nobody else before somebody joins it.
        """
        key = group_key(member)
        if group := self._groups.get(member.stream.key, {}).get(key):
            return group
        return Group(key, member.stream, member.subscribing, member.reach, told_to)

    def join(self, member: Member, group: Group) -> None:
        """Add a member to a group."""
        for key in group.stream.keys:
            self._groups[key][group.key] = group
        cohort = cohort_of(member)
        known = group.cohorts.setdefault(cohort.key, cohort)
        if known is cohort:
            group.splits.clear()
        known.members.add(member)
        member.group, member.cohort = group, known

    def leave(self, member: Member) -> None:
        """Remove a member from its group."""
        group, cohort = member.group, member.cohort
        member.group = member.cohort = None
        if group and cohort:
            cohort.members.discard(member)
            if not cohort.members:
                group.cohorts.pop(cohort.key, None)
                group.splits.clear()
            if not (group.cohorts or group.working):
                self._drop(group)

    def abandon(self, group: Group) -> list[Member]:
        """Discard a group and its queue; return its members, which are in no group now.

        They do not return to it: they would miss the events that were queued.
        """
        members = list(group.members)
        for member in members:
            member.group = member.cohort = None
        for cohort in group.cohorts.values():
            cohort.members.clear()
        group.cohorts.clear()
        group.splits.clear()
        group.waiting.clear()
        self._drop(group)
        return members

    def clear(self) -> None:
        """Discard all groups."""
        for groups in list(self._groups.values()):
            for group in list(groups.values()):
                self.abandon(group)

    def put(self, group: Group, news: News) -> None:
        """Queue an item behind those that wait."""
        group.waiting.append(news)
        if not group.working:
            group.working = True
            self._tasks.start(self._tell(group))

    def announce(self, kind: Kind, id: UUID, announcement: Announcement) -> None:
        """Queue an announcement for the followers of a place, in place of those that wait."""
        for group in self.following((kind, id)):
            group.waiting.clear()
            self.put(group, announcement)

    async def _tell(self, group: Group) -> None:
        """Send the items of a group's queue, one after the other."""
        try:
            while group.waiting:
                several = [
                    group.waiting.popleft() for _ in range(min(MAX_BATCH, len(group.waiting)))
                ]
                self._prepare(group, several)
                for news in several:
                    await self._tell_one(group, news)
        except Exception as error:  # noqa: BLE001 (whatever it was, clients must hear of it)
            self._failed(self.abandon(group), error)
        finally:
            group.working = False
            self._drop(group)

    def _prepare(self, group: Group, several: list[News]) -> None:
        """Start the executions of several events together, for each audience."""
        if len(several) == 1:
            return  # it is executed when its turn comes
        wanted: dict[Audience, list[News]] = {}
        for news in several:
            for audience, _ in split_all(group, news):
                wanted.setdefault(audience, []).append(news)
        for audience, all_news in wanted.items():
            self._executions.prepare(audience, all_news)

    async def _tell_one(self, group: Group, news: News) -> None:
        """Send one item to all members at once, including those that join during the execution."""
        answers: dict[Cohort, list[Telling] | BaseException] = {}
        audiences = split_all(group, news) if group.cohorts else []
        while audiences:
            found = await self._execute([audience for audience, _ in audiences], news)
            for (_, cohorts), answer in zip(audiences, found, strict=True):
                answers |= dict.fromkeys(cohorts, answer)
            new = [each for each in group.cohorts.values() if each not in answers]
            audiences = split(group, new, news) if new else []
        group.told_to = news.position
        for cohort, answer in answers.items():
            if isinstance(answer, Exception):
                self._failed(self._part(cohort.members), answer)
            elif isinstance(answer, BaseException):
                raise answer
            elif answer:
                for member in list(cohort.members):
                    member.tell(news.position, answer)
        if isinstance(news, Event) and may_hide(group.stream, news):
            for audience, cohorts in list(split_all(group, news)):
                await self._end_if_hidden(audience, cohorts, news)

    async def _execute(
        self, audiences: list[Audience], news: News
    ) -> list[list[Telling] | BaseException]:
        if len(audiences) == 1:
            try:
                return [await self._executions.of(audiences[0], news)]
            except Exception as error:  # noqa: BLE001 (whoever it was for is told)
                return [error]
        executing = (self._executions.of(audience, news) for audience in audiences)
        return await asyncio.gather(*executing, return_exceptions=True)

    def _part(self, members: Iterable[Member]) -> list[Member]:
        """Remove these members from their groups, and return them."""
        parted = list(members)
        for member in parted:
            self.leave(member)
        return parted

    async def _end_if_hidden(self, audience: Audience, cohorts: list[Cohort], event: Event) -> None:
        """End subscriptions to a row that may no longer be seen, after they were sent the event."""
        context = audience.subscribing.make_context(audience.viewer)
        try:
            await self._operations.follow(audience.subscribing, context)
        except (Problem, NotRun) as refused:
            tellings = []
            if event.entity_id != audience.stream.id:
                telling = await self._executions.of_hidden(audience, event)
                if telling is None:
                    return  # it was another event, which comes
                tellings = [telling]
            for member in self._part([each for cohort in cohorts for each in cohort.members]):
                member.tell(event.position, tellings)
                self._ended(member, refused)

    def _drop(self, group: Group) -> None:
        if group.cohorts or group.waiting:
            return
        for key in group.stream.keys:
            groups = self._groups.get(key, {})
            if groups.get(group.key) is group:
                del groups[group.key]
                if not groups:
                    self._groups.pop(key, None)
