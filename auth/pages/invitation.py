"""The pages of an invitation: show it, create an account for it, accept or decline it."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import invitations
from auth.accounts.invitations import Invitation
from auth.credentials import cookies
from auth.credentials.identify import origin_of
from auth.web.forms import read_form
from auth.web.site import Site, answering, see
from db.problem import Problem

HERE = "/invitation"


class InvitationPages:
    """Invitations, as the invited see them; showing one changes nothing."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(HERE, answering(self.show)),
            Route(f"{HERE}/sign-up", answering(self.sign_up), methods=["POST"]),
            Route(f"{HERE}/accept", answering(self.accept), methods=["POST"]),
            Route(f"{HERE}/decline", answering(self.decline), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the invitation, with the actions open to its viewer."""
        token = request.query_params.get("token", "")
        invitation = await invitations.opened(self._site.database, token)
        return await self._page(request, token, invitation)

    async def sign_up(self, request: Request) -> Response:
        """Create the account of the invited; then they sign in, and see the invitation again."""
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
        response = see(f"{_sign_in(token)}&news=signed-up")
        site.know(response, request, invitation.email)
        return response

    async def accept(self, request: Request) -> Response:
        """Join the organization."""
        return await self._answer(request, joining=True)

    async def decline(self, request: Request) -> Response:
        """Decline the invitation."""
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
