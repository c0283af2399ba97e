"""The pages of a person's organizations, which they found, leave and close."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import organizations
from auth.credentials import cookies
from auth.pages.owners import id_in
from auth.viewer import Role, Viewer
from auth.web.forms import read_form
from auth.web.site import Site, answering, see
from db.problem import Problem

HERE = "/account/organizations"
LEAVE, CLOSE = f"{HERE}/leave", f"{HERE}/close"
NEWS = {
    "founded": "The organization has been created, and you are its owner.",
    "left": "You have left the organization.",
    "closed": "The organization has been deleted. Its owners can restore it through the API.",
}
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
    """A person's organizations."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(HERE, answering(self.show)),
            Route(HERE, answering(self.found), methods=["POST"]),
            Route(LEAVE, answering(self.show_leave)),
            Route(LEAVE, answering(self.leave), methods=["POST"]),
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

    async def show_leave(self, request: Request) -> Response:
        """Show what leaving an organization means."""
        viewer = await self._site.signed_in(request)
        return await self._one(request, viewer, "leave_organization.html", request.query_params)

    async def leave(self, request: Request) -> Response:
        """Leave an organization."""
        fields = await read_form(request)
        viewer = await self._site.signed_in(request, HERE)
        try:
            self._site.require_ours(request, fields, cookies.SESSION)
            await organizations.leave(self._site.session(request, viewer), id_in(fields))
        except Problem as problem:
            if problem.code == "NOT_FOUND":
                raise
            return await self._one(request, viewer, "leave_organization.html", fields, problem)
        return see(f"{HERE}?news=left")

    async def show_close(self, request: Request) -> Response:
        """Show what the deletion of an organization means."""
        viewer = await self._site.proved(request)
        return await self._one(request, viewer, "close_organization.html", request.query_params)

    async def close(self, request: Request) -> Response:
        """Delete an organization whose name was typed."""
        fields = await read_form(request)
        viewer = await self._site.proved(request, HERE)
        session, name = self._site.session(request, viewer), fields.get("name", "")
        try:
            self._site.require_ours(request, fields, cookies.SESSION)
            await organizations.close(session, id_in(fields), name)
        except Problem as problem:
            if problem.code == "NOT_FOUND":
                raise
            return await self._one(request, viewer, "close_organization.html", fields, problem)
        return see(f"{HERE}?news=closed")

    async def _one(
        self,
        request: Request,
        viewer: Viewer,
        template: str,
        fields: Mapping[str, str],
        problem: Problem | None = None,
    ) -> Response:
        session = self._site.session(request, viewer)
        organization = await organizations.mine(session, id_in(fields))
        if template == "close_organization.html" and organization.role is not Role.OWNER:
            raise Problem("NOT_FOUND", "You do not have access to this page.")
        return self._site.form(
            request,
            template,
            problem,
            cookie=cookies.SESSION,
            organization=organization,
            name=fields.get("name", ""),
        )

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
            owner=Role.OWNER,
            name=name,
            news=NEWS.get(request.query_params.get("news", "")),
        )
