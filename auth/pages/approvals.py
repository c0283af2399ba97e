"""The page on which the operator's approvers let people in who have signed up."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import approval
from auth.credentials import cookies
from auth.credentials.identify import origin_of
from auth.viewer import Viewer
from auth.web.site import Site, answering, see
from db.problem import Problem

HERE = "/account/approvals"
NEWS = {
    "approved": "Approved. The person has been notified by mail.",
    "refused": "Refused. The account is deleted, and the person has been notified by mail.",
    "settled": "Nothing has changed, because somebody else has already decided.",
}


class ApprovalPages:
    """People who wait for approval; NOT_FOUND for everybody but approvers."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(HERE, answering(self.show)),
            Route(f"{HERE}/approve", answering(self.approve), methods=["POST"]),
            Route(f"{HERE}/refuse", answering(self.refuse), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """List everybody who waits."""
        await self._approver(request)
        return self._site.form(
            request,
            "approvals.html",
            cookie=cookies.SESSION,
            waiting=await approval.waiting(self._site.database),
            news=NEWS.get(request.query_params.get("news", "")),
        )

    async def approve(self, request: Request) -> Response:
        """Approve a person."""
        id, viewer, site = await self._sent(request), await self._approver(request), self._site
        done = await approval.approve(site.database, site.outbox, viewer, id, origin_of(request))
        return see(f"{HERE}?news={'approved' if done else 'settled'}")

    async def refuse(self, request: Request) -> Response:
        """Delete an account that waits."""
        id, viewer, site = await self._sent(request), await self._approver(request), self._site
        done = await approval.refuse(site.database, site.outbox, viewer, id, origin_of(request))
        return see(f"{HERE}?news={'refused' if done else 'settled'}")

    async def _sent(self, request: Request) -> str:
        fields = await self._site.fields(request, cookies.SESSION)
        return fields.get("id", "")

    async def _approver(self, request: Request) -> Viewer:
        """Return the signed-in approver, with a fresh proof."""
        viewer = await self._site.signed_in(request, HERE)
        if not approval.may_approve(self._site.settings, viewer):
            raise Problem("NOT_FOUND", "You do not have access to this page.")
        return await self._site.proved(request, HERE)
