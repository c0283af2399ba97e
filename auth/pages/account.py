"""The pages of one's own account: an overview, signed-in browsers, connected applications."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import access, second_factor
from auth.accounts.approval import may_approve
from auth.credentials import agents, cookies
from auth.credentials.identify import origin_of
from auth.credentials.people import full_name
from auth.pages.owners import owned
from auth.policy.scope_names import in_words
from auth.viewer import Role
from auth.web.site import Site, answering, see

SESSIONS, APPLICATIONS = "/account/sessions", "/account/applications"
NEWS = {
    "email": "Your e-mail address has been changed. From now on you sign in with it.",
    "password": "Your password has been changed. Your other browsers are signed out.",
    "second-factor-off": "A code is no longer required to sign in.",
    "session-ended": "The browser is signed out.",
    "others-ended": "All other browsers are signed out.",
    "joined": "You have joined the organization.",
    "declined": "You have declined the invitation.",
    "disconnected": "The application is disconnected.",
}
"""The message after each action, by its name in the address of the page."""


class AccountPages:
    """The pages of a person's own account."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route("/account", answering(self.show)),
            Route(SESSIONS, answering(self.sessions)),
            Route(f"{SESSIONS}/end", answering(self.end_session), methods=["POST"]),
            Route(f"{SESSIONS}/end-others", answering(self.end_others), methods=["POST"]),
            Route(APPLICATIONS, answering(self.applications)),
            Route(f"{APPLICATIONS}/disconnect", answering(self.disconnect), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the name, and links to all other pages."""
        viewer = await self._site.signed_in(request)
        assert viewer.id  # noqa: S101
        return self._form(
            request,
            "account.html",
            email=viewer.email,
            name=await full_name(self._site.database, viewer.id),
            second_factor=await second_factor.state(self._site.database, viewer.id),
            approves=may_approve(self._site.settings, viewer),
            owns=bool(owned(viewer)),
            administers=bool(viewer.scopes_with(Role.ADMIN)),
        )

    async def sessions(self, request: Request) -> Response:
        """List the signed-in browsers, which show where a person is: requires a fresh proof."""
        viewer = await self._site.proved(request, SESSIONS)
        browsers = await access.browsers(self._site.database, self._site.settings, viewer)
        here = viewer.session_id
        return self._form(request, "sessions.html", browsers=browsers, here=here, agents=agents)

    async def end_session(self, request: Request) -> Response:
        """Sign one browser out."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.proved(request, SESSIONS)
        id = fields.get("id", "")
        await access.end_browser(self._site.database, viewer, id, origin_of(request))
        return see(f"{SESSIONS}?news=session-ended")

    async def end_others(self, request: Request) -> Response:
        """Sign all browsers out but this one."""
        await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.proved(request, SESSIONS)
        await access.end_other_browsers(self._site.database, viewer, origin_of(request))
        return see(f"{SESSIONS}?news=others-ended")

    async def applications(self, request: Request) -> Response:
        """List the applications that may act for the person."""
        viewer = await self._site.signed_in(request)
        found = await access.applications(self._site.database, viewer)
        connected = [(application, _words(application.scopes)) for application in found]
        return self._form(request, "applications.html", connected=connected)

    async def disconnect(self, request: Request) -> Response:
        """End all tokens, codes and consents of an application."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.signed_in(request, APPLICATIONS)
        client = fields.get("client_id", "")
        await access.disconnect(self._site.database, viewer, client, origin_of(request))
        return see(f"{APPLICATIONS}?news=disconnected")

    def _form(self, request: Request, template: str, **values: Any) -> Response:
        news = NEWS.get(request.query_params.get("news", ""))
        return self._site.form(request, template, None, cookie=cookies.SESSION, news=news, **values)


def _words(scopes: frozenset[str] | None) -> list[str]:
    """Return, in words, the rights of an application with these scopes."""
    return in_words("admin" if scopes is None else " ".join(scopes))
