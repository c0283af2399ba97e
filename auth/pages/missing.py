"""The answer where there is no page: a page for browsers, a line of text for programs."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from auth.web.page import page


async def missing(request: Request, error: Exception) -> Response:
    """Return the answer to an unknown path or method (RFC 9110, sections 15.5.5 and 15.5.6)."""
    assert isinstance(error, HTTPException)  # noqa: S101 (it is called for no other)
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse(error.detail, error.status_code, headers=error.headers)
    response = page("missing.html", error.status_code)
    response.headers.update(error.headers or {})
    return response
