"""An index of live subscriptions by the keys of events that change their rights."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from graph.http.operation.ports import Access
from graph.live.follower import Member
from graph.live.rights import ANYWHERE, AccessKey, marks_of, moving


class Accesses:
    """The subscriptions of each access, and the marks of each subscription."""

    def __init__(self) -> None:
        self._members: dict[Access, set[Member]] = defaultdict(set)
        self._marked: dict[AccessKey, set[Member]] = defaultdict(set)

    def __contains__(self, access: Access) -> bool:
        """Return whether the access has a subscription."""
        return access in self._members

    def __iter__(self) -> Iterator[Member]:
        """Iterate over the subscriptions of all accesses, including those that are starting."""
        return iter([member for members in self._members.values() for member in members])

    def of(self, access: Access) -> list[Member]:
        """Return the subscriptions of an access, including those that are starting."""
        return list(self._members.get(access, ()))

    def marked(self, marks: Iterable[AccessKey]) -> set[Access]:
        """Return the accesses that have one of these marks."""
        return {member.access for mark in marks for member in self._marked.get(mark, ())}

    def put(self, member: Member) -> None:
        """Add a subscription; again, when its stream or its rights have changed."""
        self._unmark(member)
        self._members[member.access].add(member)
        member.marks = tuple(_marks_of(member))
        for mark in member.marks:
            self._marked[mark].add(member)

    def drop(self, member: Member) -> None:
        """Remove a subscription."""
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


def _marks_of(member: Member) -> set[AccessKey]:
    """Return the marks of a subscription. The place of one that is starting is not known yet."""
    marks, stream = marks_of(member.access.viewer), member.stream
    if not member.begun:
        return marks | {ANYWHERE}
    if stream.organization_id:  # a public project may be in another's
        marks.add(stream.organization_id)
    if stream.kind == "document":
        marks.add(moving(stream.id))
    return marks | {stream.id} if member.is_present else marks
