"""Write the head of an answer together with its body: one call of the system, one packet."""

import asyncio
from typing import Any


class WholeAnswer:
    """The transport of one answer, whose first write goes out with the second.

    Where none follows in the same turn of the loop, as in a stream, the first goes out by itself.
    """

    __slots__ = ("_head", "_later", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head: bytes | None = None
        self._later: asyncio.Handle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Keep the first bytes for the next; write all others."""
        if self._later is None:
            self._head = data
            self._later = self._loop.call_soon(self.flush)
        elif self._head is None:
            self._transport.write(data)
        else:
            self._later.cancel()
            head, self._head = self._head, None
            if len(data) <= SMALL:
                self._transport.write(head + data)
            else:
                self._transport.writelines([head, data])

    def flush(self) -> None:
        """Write what is kept."""
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.write(head)

    def close(self) -> None:
        """Close the connection after what is kept."""
        self.flush()
        self._transport.close()


SMALL = 65_536
"""Bytes of a body that are copied behind its head; of more, both are passed on."""
WHOLE_ANSWER = "gateway.whole_answer"
"""The extension of a scope that writes an answer of status 200 at once, as `Protocol.answer`."""
