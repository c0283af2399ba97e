"""What an answer says about tokens: how to show one, and where they come from (RFC 9728, 5.1)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auth.identify import BEARER, CHALLENGES, DPOP, METADATA_OF_API, NONCE
from graph.settings import Settings

NAME = b"www-authenticate"
OURS = (BEARER.encode(), DPOP.encode())


class Challenging:
    """An application, with the address of its metadata in every challenge for a token.

    A nonce that was left for the next proof goes along (RFC 9449, section 9).
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._where = f'resource_metadata="{settings.url}{METADATA_OF_API}"'.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and complete the answer."""

        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                # An operation of which parts were refused is answered with 200.
                state = scope.get("state", {})
                code = state.get("graphql", {}).get("code")
                if code == "UNAUTHENTICATED" and set(_challenges(headers)) <= {BEARER.encode()}:
                    headers = [header for header in headers if header[0].lower() != NAME]
                    headers.extend((NAME, offer.encode()) for offer in CHALLENGES)
                if nonce := state.get("dpop_nonce"):
                    headers.append((NONCE.lower().encode(), nonce.encode()))
                message["headers"] = [
                    (name, self._complete(value) if name.lower() == NAME else value)
                    for name, value in headers
                ]
            await send(message)

        await self._app(scope, receive, send_completed)

    def _complete(self, challenge: bytes) -> bytes:
        if not challenge.startswith(OURS):
            return challenge
        return challenge + (b", " if b"=" in challenge else b" ") + self._where


def _challenges(headers: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [value for name, value in headers if name.lower() == NAME]
