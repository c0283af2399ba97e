"""The page of a person's known devices: list and remove."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import devices
from auth.credentials import cookies
from auth.credentials.identify import origin_of
from auth.web.site import Site, answering, see
from db.problem import Problem

HERE = "/account/devices"
NEWS = {"removed": "The device has been removed, and is signed out."}


class KnownDevicePages:
    """The browsers in which the person has signed in, which show where they are."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(HERE, answering(self.show)),
            Route(f"{HERE}/remove", answering(self.remove), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """List the devices; requires a fresh proof."""
        viewer = await self._site.proved(request)
        return self._site.form(
            request,
            "devices.html",
            cookie=cookies.SESSION,
            news=NEWS.get(request.query_params.get("news", "")),
            devices=await devices.of_viewer(self._site.database, viewer),
        )

    async def remove(self, request: Request) -> Response:
        """Remove a device and sign it out; requires a fresh proof."""
        site = self._site
        fields = await site.fields(request, cookies.SESSION)
        viewer = await site.proved(request, HERE)
        try:
            id = UUID(fields.get("id", ""))
        except ValueError:
            raise Problem("NOT_FOUND", devices.NO_SUCH) from None
        await devices.remove(site.database, viewer, id, origin_of(request))
        return see(f"{HERE}?news=removed")
