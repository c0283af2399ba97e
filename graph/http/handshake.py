"""The WebSocket at /graphql: who may open one, and in which protocol."""

import orjson
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from strawberry.http.websocket_origin import is_same_origin, normalize_origin

from graph.http.answer import failed
from graph.http.cross_site import require_same_site
from graph.http.errors import Refusal
from graph.http.messages import PROTOCOL, Close
from graph.http.socket import WEBSOCKET, Socket
from graph.http.trusted import trusted_origins
from graph.http.visit import Live
from graph.http.wire import EXTENSION, carry
from graph.settings import Settings


class SocketEndpoint:
    """The application behind ws(s)://.../graphql; one for the life of the process."""

    def __init__(self, live: Live, settings: Settings) -> None:
        self._live = live
        self._trusted = trusted_origins(settings)
        self._patience = settings.live_init_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or refuse it."""
        await receive()  # websocket.connect
        headers = Headers(scope=scope)
        address = scope["client"][0] if scope.get("client") else ""
        try:
            require_same_site(headers, self._trusted)
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
            await carry(socket, receive, send)

    def _vouches(self, headers: Headers) -> bool:
        """Whether a page of ours opens the connection, so that its cookie counts.

        Browsers tell the origin of each WebSocket. Whoever does not is no browser, and has no
        business with a cookie.
        """
        origin = headers.get("origin")
        if origin is None:
            return False
        return normalize_origin(origin) in self._trusted or is_same_origin(
            origin, headers.get("host")
        )


def _without_cookies(scope: Scope) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
    return {**scope, "headers": headers}


async def _disappoint(send: Send, offered: list[str]) -> None:
    """Say in the client's own protocol that it is not spoken here.

    A browser that is not given one of the protocols it has asked for hides why it was refused.
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
