"""The pages on which a person takes their data along, and closes or erases their account."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from auth.accounts import closing, erasure, export
from auth.accounts.closing import Fate
from auth.credentials import cookies
from auth.credentials.identify import origin_of
from auth.viewer import Viewer
from auth.web.forms import read_form
from auth.web.page import SECURE
from auth.web.site import Site, answering, see
from db.problem import Problem

CLOSE, EXPORT = "/account/close", "/account/export"


class ClosingPages:
    """The end of an account."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(CLOSE, answering(self.show)),
            Route(CLOSE, answering(self.close), methods=["POST"]),
            Route(EXPORT, answering(self.export), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the effects of closing the account, and the organizations that block it."""
        return await self._closing(request, await self._site.proved(request))

    async def close(self, request: Request) -> Response:
        """Close the account, or close and erase it, and sign out."""
        fields = await read_form(request)
        viewer = await self._site.proved(request, CLOSE)
        site, erases = self._site, fields.get("erase") == "yes"
        try:
            site.require_ours(request, fields, cookies.SESSION)
            session = site.session(request, viewer)
            if erases:
                await erasure.erase_own(session, site.outbox)
            else:
                await closing.close(session, site.outbox)
        except Problem as problem:
            return await self._closing(request, viewer, problem)
        response = see(f"/sign-in?news={'erased' if erases else 'closed'}")
        cookies.clear(response, request, site.settings, cookies.SESSION)
        cookies.clear(response, request, site.settings, cookies.KNOWN)
        return response

    async def export(self, request: Request) -> Response:
        """Send everything that is stored about the person, as a file of JSON lines."""
        await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.proved(request, CLOSE)
        assert viewer.id  # noqa: S101 (the page asks who it is first)
        site = self._site
        about = export.lines(site.database, site.settings, viewer.id, viewer.id, origin_of(request))
        headers = {**SECURE, "Content-Disposition": 'attachment; filename="personal-data.ndjson"'}
        return StreamingResponse(about, media_type="application/x-ndjson", headers=headers)

    async def _closing(
        self, request: Request, viewer: Viewer, problem: Problem | None = None
    ) -> Response:
        found = await closing.outlook(self._site.database, viewer)
        by_fate: dict[str, Any] = {
            fate.name: [one.name for one in found if one.fate is fate] for fate in Fate
        }
        return self._site.form(
            request,
            "close_account.html",
            problem,
            cookie=cookies.SESSION,
            email=viewer.email,
            **{name.lower(): names for name, names in by_fate.items()},
        )
