"""The seam between what carries live events (WebSocket, SSE) and the hub that makes them.

A transport knows the wire: frames, closing codes, limits, who is connected. The hub knows streams:
what happened, who may see it, which operations follow it. Neither imports the other; both import
this module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from auth.viewer import Viewer
from db.problem import Problem
from graph.http.documents import Document, Operation
from graph.http.errors import Error


class Sink(Protocol):
    """Where the payloads of one subscription go. Only `ready` waits, and nothing raises.

    After `error`, `complete` or the cancellation of the subscription it ignores what it is told.
    """

    async def ready(self) -> None:
        """Wait until the client has read most of what waits for it, or is gone.

        Whoever tells it what it has missed waits for that before each payload; what happens now is
        told without waiting.
        """

    def next(self, payload: bytes, cursor: str | None) -> None:
        """One execution result as JSON, which many sinks may share, and where it stands."""

    def error(self, errors: list[Error]) -> None:
        """It has failed, and ends: what to tell the client."""

    def complete(self) -> None:
        """It ends, since there is nothing more to follow."""


class Access(Protocol):
    """Who is behind one connection (of SSE: one request), for as long as it is open."""

    viewer: Viewer
    """Replaced when it is renewed; `session_id`, `client_id` and `id` stay the same."""

    @property
    def expires_at(self) -> datetime | None:
        """When the credential ends by itself; the transport then closes the connection."""

    async def renew(self) -> bool:
        """Read standing and roles again; False when the credential is dead.

        Raises Problem when that cannot be known now, such as BUSY.
        """

    def ended(self, problem: Problem) -> None:
        """Close the whole connection: its credential is dead. All its subscriptions are cancelled.

        UNAUTHENTICATED is told as 4403, as any other code but what may pass (BUSY: 1013).
        """


@dataclass(frozen=True, slots=True)
class Subscribing:
    """A subscription that has been validated, counted and allowed, before it follows anything."""

    document: Document
    operation: Operation
    name: str | None
    """`operationName`, as it was sent."""
    variables: dict[str, Any]
    extensions: dict[str, Any]
    after: str | None
    """A cursor from which to go on that the transport has: `Last-Event-ID`. It wins over an
    argument."""
    request_id: str
    """Stands in the log for the connection."""
    make_context: Callable[[Viewer], Any]
    """A new context of this viewer, with loaders of its own: one for each event."""


class Subscription(Protocol):
    """One that the hub follows."""

    def cancel(self) -> None:
        """Nothing more is wanted. It may be called at any time, and more than once."""


class Hub(Protocol):
    """Where the transports take subscriptions to."""

    async def subscribe(self, subscribing: Subscribing, access: Access, sink: Sink) -> Subscription:
        """Follow it. The sink may be told something before this returns.

        Raises Problem when it cannot be followed, such as NOT_FOUND. When it is cancelled meanwhile
        (asyncio.CancelledError) nothing is left behind.
        """
