"""The pages of an invitation: what it is to, an account for it, accepting and declining."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth import cookies, invitations
from auth.identify import origin_of
from auth.invitations import Invitation
from auth.pages.forms import read_form
from auth.pages.site import Site, answering, see
from db.problem import Problem

HERE = "/invitation"


class InvitationPages:
    """Invitations, as the invited see them; looking at one changes nothing."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route(HERE, answering(self.show)),
            Route(f"{HERE}/sign-up", answering(self.sign_up), methods=["POST"]),
            Route(f"{HERE}/accept", answering(self.accept), methods=["POST"]),
            Route(f"{HERE}/decline", answering(self.decline), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """What the invitation is to, and what whoever looks at it can do next."""
        token = request.query_params.get("token", "")
        invitation = await invitations.opened(self._site.database, token)
        return await self._page(request, token, invitation)

    async def sign_up(self, request: Request) -> Response:
        """Make the account of the invited; then they sign in, and see the invitation again."""
        fields = await read_form(request)
        token, name = fields.get("token", ""), fields.get("full_name", "")
        site = self._site
        invitation = await invitations.opened(site.database, token)
        try:
            site.require_ours(request, fields, cookies.FORM)
            approved = await invitations.sign_up(
                site.database,
                site.settings,
                site.outbox,
                token,
                name,
                fields.get("password", ""),
                origin_of(request),
            )
        except Problem as problem:
            if problem.code == "NOT_FOUND":
                raise
            return await self._page(request, token, invitation, problem, name)
        if not approved:
            return see("/sign-up/waiting")
        return see(f"{_sign_in(token)}&news=signed-up")

    async def accept(self, request: Request) -> Response:
        """Join the organization."""
        return await self._answer(request, joining=True)

    async def decline(self, request: Request) -> Response:
        """Close the invitation."""
        return await self._answer(request, joining=False)

    async def _answer(self, request: Request, *, joining: bool) -> Response:
        fields = await read_form(request)
        token, site = fields.get("token", ""), self._site
        invitation = await invitations.opened(site.database, token)
        viewer = await site.viewer(request)
        if not invitation.is_for(viewer):  # signed out meanwhile, or somebody else by now
            return see(_path(token))
        decide = invitations.accept if joining else invitations.decline
        try:
            site.require_ours(request, fields, cookies.SESSION)
            await decide(site.database, viewer, token, origin_of(request))
        except Problem as problem:
            if problem.code == "NOT_FOUND":
                raise
            return await self._page(request, token, invitation, problem)
        return see(f"/account?news={'joined' if joining else 'declined'}")

    async def _page(
        self,
        request: Request,
        token: str,
        invitation: Invitation,
        problem: Problem | None = None,
        name: str = "",
    ) -> Response:
        site = self._site
        viewer = await site.viewer(request)
        has_account = viewer.id is None and await invitations.has_account(site.database, invitation)
        return site.form(
            request,
            "invitation.html",
            problem,
            cookie=cookies.SESSION if viewer.id else cookies.FORM,
            invitation=invitation,
            token=token,
            here=_path(token),
            sign_in=_sign_in(token),
            signed_in_as=viewer.email,
            theirs=invitation.is_for(viewer),
            has_account=has_account,
            closed=site.settings.signing_up == "closed",
            waits=site.settings.signing_up == "approval",
            name=name,
        )


def _sign_in(token: str) -> str:
    return f"/sign-in?{urlencode({'next': _path(token)})}"


def _path(token: str) -> str:
    return f"{HERE}?{urlencode({'token': token})}"
