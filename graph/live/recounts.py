"""Announcements that something was changed in a place whose statistics are followed.

They are debounced: however many changes there are, a place has one announcement a second at most,
which each group of followers executes once.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from graph.kit.stream import Announcement, Recount
from graph.live.debounce import Debounce
from graph.live.follower import Member

MIN_INTERVAL = 1.0
"""Seconds between two announcements of a place, at least."""


class Recounts:
    """The places whose statistics are followed at this node, by their IDs."""

    def __init__(self, announce: Callable[[UUID, Announcement], None]) -> None:
        self._announce = announce
        self._followers = Counter[UUID]()
        self._members: set[Member] = set()
        self._paces: dict[UUID, Debounce] = {}
        self.position = 0
        """The position of this node's newest announcement."""

    def enter(self, member: Member) -> None:
        """Add a member that follows a place."""
        if member not in self._members:
            self._members.add(member)
            self._followers[member.stream.id] += 1

    def leave(self, member: Member) -> None:
        """Remove a member that no longer follows."""
        if member not in self._members:
            return
        id = member.stream.id
        self._members.remove(member)
        self._followers[id] -= 1
        if not self._followers[id]:
            del self._followers[id]
            if pace := self._paces.pop(id, None):
                pace.cancel()

    def changed(self, id: UUID) -> None:
        """Schedule an announcement to the followers of this place, if it has any."""
        if id not in self._followers:
            return
        if id not in self._paces:
            self._paces[id] = Debounce(lambda: self._tell(id), lambda: MIN_INTERVAL)
        self._paces[id].ask()

    def close(self) -> None:
        """Cancel what is scheduled."""
        for pace in self._paces.values():
            pace.cancel()

    def _tell(self, id: UUID) -> None:
        self.position += 1
        self._announce(id, Recount(self.position, datetime.now(UTC), id))
