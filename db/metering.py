"""Count the bytes that a connection receives, and cut it off past a limit.

asyncpg buffers the whole result of a statement; without a limit one statement could fill the memory
with large texts.
"""

import asyncio
from typing import Any

from db.problem import Problem


class TooMuchRead(ConnectionError):
    """The connection was cut off because it received more than `maximum` bytes in one loan."""

    def __init__(self, maximum: int) -> None:
        super().__init__(f"more than {maximum} bytes were read")
        self.problem = Problem(
            "QUERY_TOO_COMPLEX",
            f"The operation reads more than {maximum} bytes from the database; ask for smaller"
            " pages.",
            limit="bytes read",
            measured=maximum + 1,
            maximum=maximum,
        )


class Meter(asyncio.Protocol):
    """Stands between a connection's transport and its protocol (asyncio.Protocol).

    `received` counts bytes since the loan began; more than `maximum` end the connection with
    TooMuchRead. None is no maximum.
    """

    __slots__ = ("_protocol", "_transport", "maximum", "received")

    def __init__(self, protocol: Any, transport: Any) -> None:
        self._protocol, self._transport = protocol, transport
        self.received = 0
        self.maximum: int | None = None
        transport.set_protocol(self)

    @property
    def exceeded(self) -> bool:
        """Return whether it was cut off."""
        return self.maximum is not None and self.received > self.maximum

    def data_received(self, data: bytes) -> None:
        """Count the bytes and pass them on, or cut the connection off."""
        self.received += len(data)
        if self.exceeded:
            self._transport.abort()
        else:
            self._protocol.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the connection is lost, and why when it was cut off."""
        if self.maximum is not None and self.exceeded:
            exc = TooMuchRead(self.maximum)
        self._protocol.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """Pass on that the server has ended its side."""
        ended: bool | None = self._protocol.eof_received()
        return ended

    def pause_writing(self) -> None:
        """Pass on that the buffer of the transport is full."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the buffer of the transport has room."""
        self._protocol.resume_writing()


def too_much_read(error: BaseException) -> Problem | None:
    """Return the refusal that cut a connection off, among the causes of an error, or None."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, TooMuchRead):
            return link.problem
        link = getattr(link, "orig", None) or link.__cause__  # SQLAlchemy has the driver's as orig
    return None
