"""The pages of one's own account: name, browsers that are signed in, connected applications."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth import account, cookies, second_factor
from auth.approval import may_approve
from auth.identify import origin_of
from auth.oauth.scopes import in_words
from auth.pages import agents
from auth.pages.forms import read_form
from auth.pages.site import Site, answering, see
from auth.people import full_name
from auth.viewer import Viewer
from db.problem import Problem

SESSIONS, APPLICATIONS = "/account/sessions", "/account/applications"
NEWS = {
    "name": "Your name has been changed.",
    "password": "Your password has been changed. Your other browsers are signed out.",
    "second-factor-off": "No code is asked for any more when you sign in.",
    "session-ended": "The browser is signed out.",
    "others-ended": "All other browsers are signed out.",
    "joined": "You have joined the organization.",
    "declined": "You have declined the invitation.",
    "disconnected": "The application is disconnected.",
}
"""What has just happened, by the name that the address of the page gives it."""


class AccountPages:
    """One's own account."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route("/account", answering(self.show)),
            Route("/account/name", answering(self.rename), methods=["POST"]),
            Route(SESSIONS, answering(self.sessions)),
            Route(f"{SESSIONS}/end", answering(self.end_session), methods=["POST"]),
            Route(f"{SESSIONS}/end-others", answering(self.end_others), methods=["POST"]),
            Route(APPLICATIONS, answering(self.applications)),
            Route(f"{APPLICATIONS}/disconnect", answering(self.disconnect), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The name, and the way to everything else."""
        viewer = await self._site.signed_in(request)
        return await self._overview(request, viewer)

    async def rename(self, request: Request) -> Response:
        """Change the name."""
        fields = await read_form(request)
        viewer = await self._site.signed_in(request)
        try:
            self._site.require_ours(request, fields, cookies.SESSION)
            name = fields.get("full_name", "")
            await account.rename(self._site.database, viewer, name, origin_of(request))
        except Problem as problem:
            return await self._overview(request, viewer, problem)
        return see("/account?news=name")

    async def sessions(self, request: Request) -> Response:
        """Every browser that is signed in, which tells where somebody is: for fresh proofs."""
        viewer = await self._site.proved(request, SESSIONS)
        browsers = await account.browsers(self._site.database, self._site.settings, viewer)
        here = viewer.session_id
        return self._form(request, "sessions.html", browsers=browsers, here=here, agents=agents)

    async def end_session(self, request: Request) -> Response:
        """Sign one browser out."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.proved(request, SESSIONS)
        id = fields.get("id", "")
        await account.end_browser(self._site.database, viewer, id, origin_of(request))
        return see(f"{SESSIONS}?news=session-ended")

    async def end_others(self, request: Request) -> Response:
        """Sign all browsers out but this one."""
        await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.proved(request, SESSIONS)
        await account.end_other_browsers(self._site.database, viewer, origin_of(request))
        return see(f"{SESSIONS}?news=others-ended")

    async def applications(self, request: Request) -> Response:
        """Every application that may act for the person."""
        viewer = await self._site.signed_in(request)
        found = await account.applications(self._site.database, viewer)
        connected = [(application, _words(application.scopes)) for application in found]
        return self._form(request, "applications.html", connected=connected)

    async def disconnect(self, request: Request) -> Response:
        """End all that an application holds."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.signed_in(request)
        client = fields.get("client_id", "")
        await account.disconnect(self._site.database, viewer, client, origin_of(request))
        return see(f"{APPLICATIONS}?news=disconnected")

    async def _overview(
        self, request: Request, viewer: Viewer, problem: Problem | None = None
    ) -> Response:
        assert viewer.id  # noqa: S101 (they are signed in)
        return self._form(
            request,
            "account.html",
            problem,
            email=viewer.email,
            name=await full_name(self._site.database, viewer.id),
            second_factor=await second_factor.state(self._site.database, viewer.id),
            approves=may_approve(self._site.settings, viewer),
        )

    def _form(
        self, request: Request, template: str, problem: Problem | None = None, **values: object
    ) -> Response:
        news = NEWS.get(request.query_params.get("news", ""))
        return self._site.form(
            request, template, problem, cookie=cookies.SESSION, news=news, **values
        )


def _words(scopes: frozenset[str] | None) -> list[str]:
    """What an application with these scopes can do."""
    return in_words("admin" if scopes is None else " ".join(scopes))
