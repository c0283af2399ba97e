"""The pages on which people let a device without a browser act for them (RFC 8628, section 3.3)."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth import cookies
from auth.identify import origin_of
from auth.oauth.device_consent import Waiting, decide, find
from auth.oauth.scopes import allows_everything, in_words
from auth.oauth.user_codes import DEVICE_PAGE, read_user_code
from auth.pages import agents, csrf
from auth.pages.site import NOT_FROM_HERE, Site, answering, proof_path, see
from auth.step_up import is_fresh
from auth.viewer import Viewer
from db.problem import Problem

DONE = f"{DEVICE_PAGE}/done"
LONGEST_AGENT = 80


class DevicePages:
    """Entering a device's code, answering what it asks, and the end of it.

    Nothing is kept between the pages: the form with the answer carries the code, tied to it and to
    the session by a token of its own, which only a code that was found is given.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route(DEVICE_PAGE, answering(self.show)),
            Route(DEVICE_PAGE, answering(self.enter), methods=["POST"]),
            Route(DONE, answering(self.done)),
        ]

    async def show(self, request: Request) -> Response:
        """The form for a code, which the address may have brought along."""
        await self._site.signed_in(request)
        code = read_user_code(request.query_params.get("user_code", ""))
        return self._form(request, code or "")

    async def enter(self, request: Request) -> Response:
        """Who waits with this code; or, from that page, what somebody has decided."""
        fields = await self._site.fields(request, cookies.SESSION)
        typed = fields.get("user_code", "")
        viewer = await self._site.signed_in(request, _path(typed))
        if "decision" in fields:
            return await self._decided(request, viewer, typed, fields)
        site, origin = self._site, origin_of(request)
        try:
            waiting = await find(site.database, site.settings, viewer, typed, origin)
        except Problem as problem:
            return self._form(request, typed, problem)
        if allows_everything(waiting.scope) and not await is_fresh(site.database, viewer):
            return see(proof_path(_path(waiting.code)))
        return self._question(request, viewer, waiting)

    async def done(self, request: Request) -> Response:
        """What to do next: nothing here."""
        await self._site.signed_in(request)
        allowed = request.query_params.get("decision") == "allow"
        return self._site.form(request, "device_done.html", cookie=cookies.SESSION, allowed=allowed)

    async def _decided(
        self, request: Request, viewer: Viewer, code: str, fields: dict[str, str]
    ) -> Response:
        site = self._site
        if not csrf.proves(site.settings, fields.get("shown", ""), self._bound(request, code)):
            raise Problem("FORBIDDEN", NOT_FROM_HERE)
        allowed = fields["decision"] == "allow"
        decided = await decide(
            site.database,
            site.settings,
            site.outbox,
            viewer,
            code,
            allowed=allowed,
            proved=await is_fresh(site.database, viewer),
            origin=origin_of(request),
        )
        if not decided:
            return see(proof_path(_path(code)))
        return see(f"{DONE}?{urlencode({'decision': 'allow' if allowed else 'deny'})}")

    def _form(self, request: Request, code: str, problem: Problem | None = None) -> Response:
        return self._site.form(request, "device.html", problem, cookie=cookies.SESSION, code=code)

    def _question(self, request: Request, viewer: Viewer, waiting: Waiting) -> Response:
        return self._site.form(
            request,
            "device_consent.html",
            cookie=cookies.SESSION,
            waiting=waiting,
            agent=_in_words(waiting.agent),
            scopes=in_words(waiting.scope),
            email=viewer.email,
            shown=csrf.token(self._site.settings, self._bound(request, waiting.code)),
            here=_path(waiting.code),
        )

    def _bound(self, request: Request, code: str) -> str:
        """What proves that this browser was shown what waits behind the code."""
        return f"{self._site.read(request, cookies.SESSION)}\0{code}"


def _path(code: str) -> str:
    return f"{DEVICE_PAGE}?{urlencode({'user_code': code})}"


def _in_words(agent: str) -> str:
    """What a device says of itself; few are browsers, which say more than anybody reads."""
    if agent.startswith("Mozilla/"):
        return agents.in_words(agent)
    return agent[:LONGEST_AGENT] or "an unknown program"
