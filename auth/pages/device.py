"""The pages on which people let a device without a browser act for them (RFC 8628, section 3.3)."""

from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts.step_up import is_fresh
from auth.credentials import agents, cookies
from auth.credentials.identify import origin_of
from auth.oauth.confinement import Place
from auth.oauth.device_consent import Waiting, choices, decide, find
from auth.oauth.user_codes import DEVICE_PAGE, read_user_code
from auth.policy.scope_names import allows_everything, in_words
from auth.viewer import Viewer
from auth.web import csrf
from auth.web.site import NOT_FROM_HERE, Site, answering, proof_path, see
from db.problem import Problem

DONE = f"{DEVICE_PAGE}/done"
MAX_AGENT_LENGTH = 80


class DevicePages:
    """Entering a device's code, deciding on its request, and the last page.

    Nothing is stored between the pages: the form with the decision carries the code, bound to it
    and to the session by a token of its own, which is issued only for a code that was found.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(DEVICE_PAGE, answering(self.show)),
            Route(DEVICE_PAGE, answering(self.enter), methods=["POST"]),
            Route(DONE, answering(self.done)),
        ]

    async def show(self, request: Request) -> Response:
        """Show the form for a code, which may be in the address."""
        await self._site.signed_in(request)
        code = read_user_code(request.query_params.get("user_code", ""))
        return self._form(request, code or "")

    async def enter(self, request: Request) -> Response:
        """Show the device that waits with this code or, from that page, carry out the decision."""
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
        offered = await choices(site.database, viewer, waiting.registrant)
        return self._question(request, viewer, waiting, offered)

    async def done(self, request: Request) -> Response:
        """Show that nothing is left to do here."""
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
            place=fields.get("place", ""),
            origin=origin_of(request),
        )
        if not decided:
            return see(proof_path(_path(code)))
        return see(f"{DONE}?{urlencode({'decision': 'allow' if allowed else 'deny'})}")

    def _form(self, request: Request, code: str, problem: Problem | None = None) -> Response:
        return self._site.form(request, "device.html", problem, cookie=cookies.SESSION, code=code)

    def _question(
        self,
        request: Request,
        viewer: Viewer,
        waiting: Waiting,
        offered: Sequence[Place],
    ) -> Response:
        return self._site.form(
            request,
            "device_consent.html",
            cookie=cookies.SESSION,
            waiting=waiting,
            places=offered,
            agent=_in_words(waiting.agent),
            scopes=in_words(waiting.scope),
            email=viewer.email,
            shown=csrf.token(self._site.settings, self._bound(request, waiting.code)),
            here=_path(waiting.code),
        )

    def _bound(self, request: Request, code: str) -> str:
        """Return the text that the form's token is bound to: the session and the code."""
        return f"{self._site.read(request, cookies.SESSION)}\0{code}"


def _path(code: str) -> str:
    return f"{DEVICE_PAGE}?{urlencode({'user_code': code})}"


def _in_words(agent: str) -> str:
    """Return a short name of a device's User-Agent; few are browsers, whose headers are long."""
    if agent.startswith("Mozilla/"):
        return agents.in_words(agent)
    return agent[:MAX_AGENT_LENGTH] or "an unknown program"
