"""Redirect from the address of the API to the explorer, for people who open it in a browser."""

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class BrowserRedirect:
    """The API, for all but browsers that open its address without an operation: they get a 303."""

    def __init__(self, api: ASGIApp) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect a browser's bare GET to the explorer; pass every other request on."""
        request = Request(scope)
        asks = request.method != "GET" or scope["query_string"]
        if asks or "text/html" not in request.headers.get("accept", ""):
            await self._api(scope, receive, send)
        else:
            await RedirectResponse("/explorer", 303)(scope, receive, send)
