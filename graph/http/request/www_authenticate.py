"""The WWW-Authenticate header: the scheme, and the metadata of the resource (RFC 9728, 5.1)."""

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auth.credentials.identify import BEARER, CHALLENGES, DPOP, METADATA_OF_API, NONCE
from graph.settings import Settings

NAME = b"www-authenticate"
OURS = (BEARER.encode(), DPOP.encode())


class Challenges:
    """Completes the challenges of responses.

    A challenge has the address of the gateway's metadata. A nonce for the next proof is added when
    there is one (RFC 9449, section 9).
    """

    def __init__(self, settings: Settings) -> None:
        self._where = f'resource_metadata="{settings.url}{METADATA_OF_API}"'.encode()

    def complete(self, start: Message, scope: Scope) -> None:
        """Complete the message that begins the answer to this request."""
        nonce = scope.get("state", {}).get("dpop_nonce")
        if start["status"] < HTTPStatus.BAD_REQUEST and not nonce:
            return
        headers = list(start.get("headers", []))
        is_refused = start["status"] == HTTPStatus.UNAUTHORIZED
        if is_refused and set(_challenges(headers)) <= {BEARER.encode()}:
            headers = [header for header in headers if header[0].lower() != NAME]
            headers.extend((NAME, offer.encode()) for offer in CHALLENGES)
        if nonce:
            headers.append((NONCE.lower().encode(), nonce.encode()))
        start["headers"] = [
            (name, self._complete(value) if name.lower() == NAME else value)
            for name, value in headers
        ]

    def _complete(self, challenge: bytes) -> bytes:
        if not challenge.startswith(OURS):
            return challenge
        return challenge + (b", " if b"=" in challenge else b" ") + self._where


class WWWAuthenticate:
    """An application whose answers are completed so."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._challenges = app, Challenges(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and complete the answer."""

        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._challenges.complete(message, scope)
            await send(message)

        await self._app(scope, receive, send_completed)


def _challenges(headers: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [value for name, value in headers if name.lower() == NAME]
