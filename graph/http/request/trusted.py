"""The hosts that the gateway serves, and the origins whose pages may call it."""

import socket
from typing import Final
from urllib.parse import urlsplit

from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import Receive, Scope, Send
from strawberry.http.websocket_origin import normalize_allowed_origins

from graph.settings import Settings

MAX_HOSTS: Final = 1000
"""Values of the Host header that are remembered as good."""
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def trusted_origins(settings: Settings) -> frozenset[str]:
    """Return the gateway's own origin and the trusted ones, as browsers send them."""
    return normalize_allowed_origins((settings.url, *settings.cors_origins))


def allowed_hosts(settings: Settings) -> list[str]:
    """Return the accepted hosts, without ports; by default PUBLIC_URL's and this machine's."""
    if settings.allowed_hosts:
        return [*settings.allowed_hosts]
    own = urlsplit(settings.url).hostname or ""
    own = f"[{own}]" if ":" in own else own
    return [*dict.fromkeys((own, settings.host, socket.gethostname(), *LOOPBACK))]


class Hosts:
    """The values of the Host header that are answered; each is judged once, by Starlette."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = allowed_hosts(settings)
        self._good: set[bytes] = set()

    async def admit(self, host: bytes | None, scope: Scope, receive: Receive, send: Send) -> bool:
        """Return whether the host is allowed; if not, the request has been answered (400)."""
        if host in self._good:
            return True
        is_good = False

        async def go_on(*_: object) -> None:
            nonlocal is_good
            is_good = True

        judge = TrustedHostMiddleware(go_on, allowed_hosts=self._allowed, www_redirect=False)
        await judge(scope, receive, send)
        if is_good and host is not None and len(self._good) < MAX_HOSTS:
            self._good.add(host)
        return is_good
