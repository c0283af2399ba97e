"""Which hosts the gateway answers for, and which origins' pages may call it."""

import socket
from urllib.parse import urlsplit

from strawberry.http.websocket_origin import normalize_allowed_origins

from graph.settings import Settings

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def trusted_origins(settings: Settings) -> frozenset[str]:
    """The gateway's own origin and those that the operator has named, as browsers send them."""
    return normalize_allowed_origins((settings.url, *settings.cors_origins))


def allowed_hosts(settings: Settings) -> list[str]:
    """Values of the Host header, without ports; by default PUBLIC_URL's and this machine's."""
    if settings.allowed_hosts:
        return [*settings.allowed_hosts]
    own = urlsplit(settings.url).hostname or ""
    own = f"[{own}]" if ":" in own else own
    return [*dict.fromkeys((own, settings.host, socket.gethostname(), *LOOPBACK))]
