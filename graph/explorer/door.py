"""The way from the address of the API to the explorer, for people who open it in a browser."""

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Door:
    """The API; a browser that opens its address, and asks nothing, is led to the explorer."""

    def __init__(self, api: ASGIApp) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless it is such a visit."""
        request = Request(scope)
        asks = request.method != "GET" or scope["query_string"]
        if asks or "text/html" not in request.headers.get("accept", ""):
            await self._api(scope, receive, send)
        else:
            await RedirectResponse("/explorer", 303)(scope, receive, send)
