"""What browsers are shown where there is no page; programs are told the same in a line."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from auth.pages.page import page


async def missing(request: Request, error: Exception) -> Response:
    """The answer where nothing is served, or not by this method (RFC 9110, 15.5.5 and 15.5.6)."""
    assert isinstance(error, HTTPException)  # noqa: S101 (it is called for no other)
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse(error.detail, error.status_code, headers=error.headers)
    response = page("missing.html", error.status_code)
    response.headers.update(error.headers or {})
    return response
