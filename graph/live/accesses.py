"""Everybody who follows, found without a look at the others by what changes their rights."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from graph.http.live import Access
from graph.live.follower import Member
from graph.live.rights import ANYWHERE, Mark, marks_of


class Accesses:
    """The subscriptions of each access, and the marks of each subscription."""

    def __init__(self) -> None:
        self._members: dict[Access, set[Member]] = defaultdict(set)
        self._marked: dict[Mark, set[Member]] = defaultdict(set)

    def __contains__(self, access: Access) -> bool:
        """Whether it follows anything."""
        return access in self._members

    def __iter__(self) -> Iterator[Member]:
        """All subscriptions of all of them, those that begin, too."""
        return iter([member for members in self._members.values() for member in members])

    def of(self, access: Access) -> list[Member]:
        """Its subscriptions, those that begin, too."""
        return list(self._members.get(access, ()))

    def marked(self, marks: Iterable[Mark]) -> set[Access]:
        """Those who have one of these marks."""
        return {member.access for mark in marks for member in self._marked.get(mark, ())}

    def put(self, member: Member) -> None:
        """Keep a subscription; again, when it follows something else, or by other rights."""
        self._unmark(member)
        self._members[member.access].add(member)
        member.marks = tuple(_marks_of(member))
        for mark in member.marks:
            self._marked[mark].add(member)

    def drop(self, member: Member) -> None:
        """It is over."""
        self._unmark(member)
        members = self._members.get(member.access, set())
        members.discard(member)
        if not members:
            self._members.pop(member.access, None)

    def _unmark(self, member: Member) -> None:
        for mark in member.marks:
            self._marked[mark].discard(member)
            if not self._marked[mark]:
                del self._marked[mark]
        member.marks = ()


def _marks_of(member: Member) -> set[Mark]:
    """By what its access is found. Where a subscription is that begins is not known yet."""
    marks, stream = marks_of(member.access.viewer), member.stream
    if not member.begun:
        return marks | {ANYWHERE}
    if stream.organization_id:  # a public project may be in another's
        marks.add(stream.organization_id)
    return marks | {stream.id} if member.is_present else marks
