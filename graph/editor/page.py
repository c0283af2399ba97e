"""Serves the page of a document at /live, which talks to the API as any client does.

It is the same for every document, seen or not: whether there is one, the API tells its script.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from auth.mail import Outbox
from auth.pages.site import Site, answering
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
    """The modules and styles of the page, as they are written: there is no build.

    Browsers keep them and ask whether they are still good, since modules name each other.
    """

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """One file, or that it has not changed."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


def routes(database: Database, settings: Settings, outbox: Outbox) -> list[BaseRoute]:
    """What is served beneath /live."""
    site = Site(database, settings, outbox)
    page = (HERE / "page.html").read_text(encoding="utf-8")

    async def document(request: Request) -> Response:
        """The page, for whoever is signed in; others do that first, and come back."""
        await site.signed_in(request)
        return HTMLResponse(page, headers={**HEADERS, "Cache-Control": "no-store"})

    return [
        Route("/live/{document:uuid}", answering(document)),
        Mount("/live/assets", Assets(directory=STATIC)),
    ]
