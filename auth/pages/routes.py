"""The routes of the pages, the home page, and the session for the explorer."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auth.accounts.mail import Outbox
from auth.credentials import cookies
from auth.credentials.people import full_name
from auth.pages.account import AccountPages
from auth.pages.approvals import ApprovalPages
from auth.pages.clients import ClientPages
from auth.pages.closing import ClosingPages
from auth.pages.device import DevicePages
from auth.pages.devices import KnownDevicePages
from auth.pages.invitation import InvitationPages
from auth.pages.keys import ApiKeyPages, TokenPages
from auth.pages.notifications import NotificationPages
from auth.pages.organizations import OrganizationPages
from auth.pages.passkeys import PasskeyPages
from auth.pages.password import PasswordPages
from auth.pages.profile import ProfilePages
from auth.pages.second_factor import SecondFactorPages
from auth.pages.sign_in import SignInPages
from auth.pages.sign_up import SignUpPages
from auth.pages.single_sign_on import SingleSignOnPages
from auth.pages.webhooks import WebhookPages
from auth.settings import AuthSettings
from auth.web import csrf
from auth.web.page import SCRIPTS, SECURE, STYLES, page
from auth.web.site import Site, answering
from db.pool import Database


def routes(database: Database, settings: AuthSettings, outbox: Outbox) -> list[Route]:
    """Return every page, to be served at the root of the site."""
    site = Site(database, settings, outbox)
    start = StartPages(site)
    return [
        Route("/", answering(start.home)),
        *(Route(f"/{name}", style) for name in STYLES),
        *(Route(f"/{name}", script) for name in SCRIPTS),
        Route("/session", answering(start.session)),
        *SignInPages(site).routes(),
        *SignUpPages(site).routes(),
        *SingleSignOnPages(site).routes(),
        *InvitationPages(site).routes(),
        *PasswordPages(site).routes(),
        *SecondFactorPages(site).routes(),
        *PasskeyPages(site).routes(),
        *KnownDevicePages(site).routes(),
        *AccountPages(site).routes(),
        *ProfilePages(site).routes(),
        *NotificationPages(site).routes(),
        *OrganizationPages(site).routes(),
        *ClosingPages(site).routes(),
        *ApprovalPages(site).routes(),
        *DevicePages(site).routes(),
        *ClientPages(site).routes(),
        *TokenPages(site).routes(),
        *ApiKeyPages(site).routes(),
        *WebhookPages(site).routes(),
    ]


async def style(request: Request) -> Response:
    """Return a style sheet."""
    return Response(STYLES[request.url.path[1:]], media_type="text/css", headers=SECURE)


async def script(request: Request) -> Response:
    """Return a script of the pages."""
    return Response(SCRIPTS[request.url.path[1:]], media_type="text/javascript", headers=SECURE)


class StartPages:
    """The home page, and the session."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def home(self, request: Request) -> Response:
        """Show what the person may open, with search, and links to the other pages."""
        closed = self._site.settings.signing_up == "closed"
        return page("home.html", person=await self._person(request), closed=closed)

    async def session(self, request: Request) -> Response:
        """Return the signed-in person, and the token of a form for signing out."""
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
