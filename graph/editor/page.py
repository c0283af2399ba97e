"""Serve the page of a document at /live, which calls the API as any client does.

It is the same for every document, shared with the viewer or not: its script learns that from the
API.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from auth.accounts.mail import Outbox
from auth.web.site import Site, answering
from db.pool import Database
from graph.settings import Settings

HERE = Path(__file__).parent
STATIC = HERE / "static"
HEADERS = {
    # Scripts, styles, pictures and connections of our own, and nothing inline.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Assets(StaticFiles):
    """The modules and styles of the page, served as they are written: there is no build.

    Browsers cache them and revalidate each use, since modules name each other.
    """

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """Return a file, or 304 when it has not changed."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


def routes(database: Database, settings: Settings, outbox: Outbox) -> list[BaseRoute]:
    """Return the routes beneath /live."""
    site = Site(database, settings, outbox)
    page = (HERE / "page.html").read_text(encoding="utf-8")

    async def document(request: Request) -> Response:
        """Return the page; redirect a visitor who is not signed in to sign-in, and back."""
        await site.signed_in(request)
        return HTMLResponse(page, headers={**HEADERS, "Cache-Control": "no-store"})

    return [
        Route("/live/{document:uuid}", answering(document)),
        Mount("/live/assets", Assets(directory=STATIC)),
    ]
