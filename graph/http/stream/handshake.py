"""The handshake of the WebSocket at /graphql: authentication and subprotocol."""

import orjson
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from graph.http.operation.answer import failed
from graph.http.operation.errors import Refusal
from graph.http.request.cross_site import OwnSite
from graph.http.stream.connection import Live
from graph.http.stream.messages import PROTOCOL, Close
from graph.http.stream.socket import WEBSOCKET, Socket
from graph.http.stream.transport import EXTENSION, bridge_asgi
from graph.settings import Settings


class SocketEndpoint:
    """The application behind ws(s)://.../graphql; one for the life of the process."""

    def __init__(self, live: Live, settings: Settings) -> None:
        self._live = live
        self._site = OwnSite(settings)
        self._patience = settings.live_init_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or refuse it."""
        await receive()  # websocket.connect
        headers = Headers(scope=scope)
        address = scope["client"][0] if scope.get("client") else ""
        try:
            self._site.require(headers)
            if PROTOCOL in scope["subprotocols"]:
                self._live.capacity.connect(WEBSOCKET, address)
        except Refusal as refusal:
            await _refuse(scope, send, refusal)
            return
        if PROTOCOL not in scope["subprotocols"]:
            await _disappoint(send, scope["subprotocols"])
            return
        if not self._vouches(headers):
            scope = _without_cookies(scope)
        socket = Socket(self._live, scope, address, self._patience)
        try:
            await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        except BaseException:
            socket.lost()
            raise
        if wire := scope.get("extensions", {}).get(EXTENSION):
            socket.wire = wire
            wire.hand_over(socket)
        else:
            await bridge_asgi(socket, receive, send)

    def _vouches(self, headers: Headers) -> bool:
        """Return whether a page of the gateway or a trusted site opens it, so its cookie counts.

        Browsers send the origin with each WebSocket. A client without one is no browser, and its
        cookie is ignored.
        """
        origin = headers.get("origin")
        return origin is not None and self._site.includes(origin, headers)


def _without_cookies(scope: Scope) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    return {**scope, "headers": headers}


async def _disappoint(send: Send, offered: list[str]) -> None:
    """Accept the client's own subprotocol to close with the reason why it is not supported.

    A browser hides the reason when none of its subprotocols is accepted.
    """
    accept = {"type": "websocket.accept", "subprotocol": offered[0] if offered else None}
    await send(accept)
    code, reason = Close.SUBPROTOCOL, "Subprotocol not acceptable"
    await send({"type": "websocket.close", "code": code, "reason": reason})


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Answer as HTTP, where the server can; otherwise it is 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    answer = failed(refusal)
    body = orjson.dumps(answer.content)
    headers = {"content-type": "application/json; charset=utf-8", **answer.headers}
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    start = {"type": "websocket.http.response.start", "status": answer.status, "headers": pairs}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": body})
