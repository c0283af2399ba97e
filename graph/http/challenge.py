"""A refusal for want of a good token says where tokens come from (RFC 9728, section 5.1)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auth.identify import METADATA_OF_API
from graph.settings import Settings

NAME = b"www-authenticate"


class Challenging:
    """An application, with the address of its metadata in every challenge for a bearer token."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._where = f'resource_metadata="{settings.url}{METADATA_OF_API}"'.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and complete the answer."""

        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", []))
                # An operation of which parts were refused is answered with 200.
                code = scope.get("state", {}).get("graphql", {}).get("code")
                if code == "UNAUTHENTICATED" and NAME not in {name.lower() for name, _ in headers}:
                    headers.append((NAME, b"Bearer"))
                message["headers"] = [
                    (name, self._complete(value) if name.lower() == NAME else value)
                    for name, value in headers
                ]
            await send(message)

        await self._app(scope, receive, send_completed)

    def _complete(self, challenge: bytes) -> bytes:
        if not challenge.startswith(b"Bearer"):
            return challenge
        return challenge + (b", " if b"=" in challenge else b" ") + self._where
