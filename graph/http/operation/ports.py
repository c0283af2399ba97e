"""The interface between transports of live events (WebSocket, SSE) and the hub.

A transport handles frames, close codes, limits and authentication. The hub handles streams: events,
the rights to see them, and the operations that follow them. Neither imports the other; both import
this module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from auth.viewer import Viewer
from db.problem import Problem
from graph.http.operation.documents import Document, Operation
from graph.http.operation.errors import Error


class Sink(Protocol):
    """The receiver of one subscription's payloads. Only `ready` waits, and no method raises.

    After `error`, `complete` or the cancellation of the subscription it ignores further calls.
    """

    async def ready(self) -> None:
        """Wait until the client has read most of the payloads that wait for it, or is gone.

        Catching up waits for that before each payload; live events are sent without waiting.
        """

    def next(self, payload: bytes, cursor: str | None) -> None:
        """Send an execution result as JSON, which many sinks may share, with its cursor."""

    def error(self, errors: list[Error]) -> None:
        """End the subscription with errors for the client."""

    def complete(self) -> None:
        """End the subscription, since its stream has ended."""


class Access(Protocol):
    """The access of one connection (of SSE: one request), for as long as it is open."""

    viewer: Viewer
    """Replaced when rights are renewed; `session_id`, `client_id` and `id` stay the same."""

    @property
    def expires_at(self) -> datetime | None:
        """Return the credential's expiry, at which the transport closes the connection."""

    async def renew(self) -> bool:
        """Load standing and roles again; return False when the credential is no longer valid.

        Raises Problem when they cannot be loaded now, such as BUSY.
        """

    def ended(self, problem: Problem) -> None:
        """Close the whole connection, whose credential is dead, and cancel its subscriptions.

        The close code is 4403, except for a temporary problem (BUSY: 1013).
        """


@dataclass(frozen=True, slots=True)
class Subscribing:
    """A subscription that has been validated, counted and allowed, before it starts."""

    document: Document
    operation: Operation
    name: str | None
    """`operationName`, as it was sent."""
    variables: dict[str, Any]
    extensions: dict[str, Any]
    after: str | None
    """The cursor to resume from that the transport has: `Last-Event-ID`. It takes precedence over
    an argument."""
    request_id: str
    """The connection's ID in the log."""
    make_context: Callable[[Viewer], Any]
    """A new context of this viewer, with loaders of its own: one for each event."""


class Subscription(Protocol):
    """A subscription that the hub follows."""

    def cancel(self) -> None:
        """Cancel the subscription. It may be called at any time, and more than once."""


class Hub(Protocol):
    """The hub of subscriptions, as transports use it."""

    async def subscribe(self, subscribing: Subscribing, access: Access, sink: Sink) -> Subscription:
        """Follow it. The sink may receive payloads before this returns.

        Raises Problem when it cannot be followed, such as NOT_FOUND. When it is cancelled meanwhile
        (asyncio.CancelledError) nothing is left behind.
        """
