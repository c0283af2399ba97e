"""The feed as requests read it: pages of events, and the position to start from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from auth.viewer import Viewer
from db.feed.reading import Event
from graph.kit.stream import Stream


@dataclass(frozen=True, slots=True)
class Place:
    """A position of the feed, in the order that `epoch` names."""

    epoch: UUID
    position: int


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events with their cursors. `end` continues the stream, also where there are no events."""

    events: Sequence[tuple[Event, str]]
    end: str
    has_next: bool


class Feed(Protocol):
    """The feed, as requests use it."""

    def here(self) -> Place | None:
        """Return the newest position this node has read, without a query; None before the first.

        Everything read after that holds all changes up to this position.
        """

    def cursor(self, stream: Stream, place: Place) -> str:
        """Return the cursor from which the stream continues right after this position."""

    async def page(
        self, stream: Stream, viewer: Viewer, after: str, first: int, up_to: Place
    ) -> EventPage:
        """Return the first events after a cursor, up to a position, that the viewer may see.

        Raises RESYNC when events after the cursor are no longer kept, INVALID for no cursor.
        """
