"""The pages of a person's organizations, and the one on which they close their account."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import closing, organizations
from auth.accounts.closing import Fate
from auth.credentials import cookies
from auth.viewer import Role, Viewer
from auth.web.forms import read_form
from auth.web.site import Site, answering, see
from db.problem import Problem

HERE, CLOSE = "/account/organizations", "/account/close"
NEWS = {"founded": "The organization has been created, and you are its owner."}
ROLES = {
    Role.OWNER: "owner",
    Role.ADMIN: "administrator",
    Role.EDITOR: "editor",
    Role.VIEWER: "viewer",
    Role.MEMBER: "member",
    Role.BILLING: "billing",
}
"""The names of the roles, in words."""


class OrganizationPages:
    """A person's organizations, and the closing of their account."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(HERE, answering(self.show)),
            Route(HERE, answering(self.found), methods=["POST"]),
            Route(CLOSE, answering(self.show_close)),
            Route(CLOSE, answering(self.close), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """List the organizations, and show the form for a new one."""
        return await self._organizations(request, await self._site.signed_in(request))

    async def found(self, request: Request) -> Response:
        """Create an organization."""
        fields = await read_form(request)
        viewer = await self._site.signed_in(request)
        name = fields.get("name", "")
        try:
            self._site.require_ours(request, fields, cookies.SESSION)
            await organizations.found(self._site.session(request, viewer), name)
        except Problem as problem:
            return await self._organizations(request, viewer, problem, name)
        return see(f"{HERE}?news=founded")

    async def show_close(self, request: Request) -> Response:
        """Show the effects of closing the account, and the organizations that block it."""
        return await self._closing(request, await self._site.proved(request))

    async def close(self, request: Request) -> Response:
        """Close the account, and sign out."""
        fields = await read_form(request)
        viewer = await self._site.proved(request, CLOSE)
        site = self._site
        try:
            site.require_ours(request, fields, cookies.SESSION)
            await closing.close(site.session(request, viewer), site.outbox)
        except Problem as problem:
            return await self._closing(request, viewer, problem)
        response = see("/sign-in?news=closed")
        cookies.clear(response, request, site.settings, cookies.SESSION)
        cookies.clear(response, request, site.settings, cookies.KNOWN)
        return response

    async def _organizations(
        self, request: Request, viewer: Viewer, problem: Problem | None = None, name: str = ""
    ) -> Response:
        return self._site.form(
            request,
            "organizations.html",
            problem,
            cookie=cookies.SESSION,
            organizations=await organizations.of(self._site.session(request, viewer)),
            roles=ROLES,
            name=name,
            news=NEWS.get(request.query_params.get("news", "")),
        )

    async def _closing(
        self, request: Request, viewer: Viewer, problem: Problem | None = None
    ) -> Response:
        found = await closing.outlook(self._site.database, viewer)
        by_fate = {fate.name: [one.name for one in found if one.fate is fate] for fate in Fate}
        return self._site.form(
            request,
            "close_account.html",
            problem,
            cookie=cookies.SESSION,
            email=viewer.email,
            **{name.lower(): names for name, names in by_fate.items()},
        )
