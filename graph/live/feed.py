"""Pages of events for requests: the events that a follower would be sent, after a cursor."""

from dataclasses import replace
from uuid import UUID

from auth.viewer import Viewer
from db.feed.reading import Event, read
from db.feed.sequencing import reach
from db.pool import NOBODY, Database
from db.problem import Problem
from graph.kit.feed import EventPage, Place
from graph.kit.stream import Stream
from graph.live.cursor import Cursor, Cursors
from graph.live.follower import concerns
from graph.live.hiding import held_by
from graph.live.tail import Tail

BATCH_SIZE = 500
"""Events that are read by one statement."""
MAX_READ = 10_000
"""Events that are read for one page, at most; most of them may not match the filter."""
CURSOR_EXPIRED = (
    "What came after this cursor is not known any more: read again, and go on from `cursor`."
)


class FeedPages:
    """The `Feed` of a node."""

    def __init__(self, database: Database, tail: Tail, cursors: Cursors) -> None:
        self._database, self._tail, self._cursors = database, tail, cursors

    def here(self) -> Place | None:
        """Return the newest position that this node has read; None before the first."""
        tail = self._tail
        return Place(tail.epoch, tail.position) if tail.epoch else None

    def cursor(self, stream: Stream, place: Place) -> str:
        """Return the cursor from which the stream continues right after this position."""
        return self._cursors.of_place(stream, Cursor(place.epoch, place.position))

    async def page(
        self, stream: Stream, viewer: Viewer, after: str, first: int, up_to: Place
    ) -> EventPage:
        """Return the first events after a cursor, up to a position, that the viewer may see.

        Raises RESYNC when events after the cursor are no longer kept, INVALID for no cursor.
        """
        cursor = self._cursors.read(after, stream)
        lost = Problem("RESYNC", CURSOR_EXPIRED, cursor=self.cursor(stream, up_to))
        if cursor is None or cursor.epoch != up_to.epoch:
            raise lost
        found: list[Event] = []
        # Another node may be ahead of this one, and have given a cursor that is still to come here.
        position, end = cursor.position, max(cursor.position, up_to.position)
        async with self._database.auth.lend(NOBODY) as connection:
            for _ in range(MAX_READ // BATCH_SIZE):
                if position >= end or len(found) > first:
                    break
                events = await read(
                    connection, stream.kind, stream.id, after=position, up_to=end, most=BATCH_SIZE
                )
                found += [event for event in events if _is_told(stream, viewer, event)]
                position = events[-1].position if len(events) == BATCH_SIZE else end
            feed = await reach(connection)  # read last: what is kept now was kept before
        kept = feed.oldest <= cursor.position + 1 <= feed.position + 1
        if feed.epoch != cursor.epoch or not kept:
            raise lost
        told = [(event, self._of_event(stream, feed.epoch, event)) for event in found[:first]]
        if len(found) > first:
            last = told[-1][1] if told else after
            return EventPage(told, last, has_next=True)
        return EventPage(told, self.cursor(stream, Place(feed.epoch, position)), position < end)

    def _of_event(self, stream: Stream, epoch: UUID, event: Event) -> str:
        return self._cursors.of_event(stream, Cursor(epoch, event.position))


def _is_told(stream: Stream, viewer: Viewer, event: Event) -> bool:
    """Return whether an event is on a page; events that hide or show rows of the types are too."""
    if concerns(stream, viewer, event):
        return True
    whole = replace(stream, types=None)
    return bool(held_by(stream, viewer, event)) and concerns(whole, viewer, event)
