"""The routes of the pages, home, and who is signed in, for the explorer."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auth import cookies
from auth.mail import Outbox
from auth.pages import csrf
from auth.pages.page import SECURE, STYLE, page
from auth.pages.password import PasswordPages
from auth.pages.sign_in import SignInPages
from auth.pages.sign_up import SignUpPages
from auth.pages.site import Site, answering
from auth.people import full_name
from auth.settings import AuthSettings
from db.pool import Database

NEWS = {"password": "Your password has been changed. Your other browsers are signed out."}
"""What has just happened, by the name that the address of the page gives it."""


def routes(database: Database, settings: AuthSettings, outbox: Outbox) -> list[Route]:
    """Every page, to be served at the root of the site."""
    site = Site(database, settings, outbox)
    start = StartPages(site)
    return [
        Route("/", answering(start.home)),
        Route("/pages.css", style),
        Route("/session", answering(start.session)),
        *SignInPages(site).routes(),
        *SignUpPages(site).routes(),
        *PasswordPages(site).routes(),
    ]


async def style(_: Request) -> Response:
    """The one style sheet."""
    return Response(STYLE, media_type="text/css", headers=SECURE)


class StartPages:
    """Where people arrive."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def home(self, request: Request) -> Response:
        """Where to go from here."""
        closed = self._site.settings.signing_up == "closed"
        news = NEWS.get(request.query_params.get("news", ""))
        return page("home.html", person=await self._person(request), closed=closed, news=news)

    async def session(self, request: Request) -> Response:
        """Who is signed in, and the token that a form for signing out carries."""
        person = await self._person(request) or {}
        return JSONResponse({"signedIn": bool(person), **person}, headers=SECURE)

    async def _person(self, request: Request) -> dict[str, str | None] | None:
        viewer = await self._site.viewer(request)
        if viewer.id is None:
            return None
        secret = self._site.read(request, cookies.SESSION)
        return {
            "email": viewer.email,
            "fullName": await full_name(self._site.database, viewer.id),
            "csrfToken": csrf.token(self._site.settings, secret),
        }
