"""The page of a person's passkeys: list, add and remove."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import second_factor
from auth.accounts.passkeys import ceremonies, challenges, stored
from auth.accounts.passkeys.challenges import Purpose
from auth.credentials import agents, cookies
from auth.credentials.identify import origin_of
from auth.viewer import Viewer
from auth.web.forms import read_form
from auth.web.site import Site, answering, see
from db.problem import Problem

HERE = "/account/passkeys"
NEWS = {
    "added": "The passkey has been added.",
    "removed": "The passkey has been removed.",
}


class PasskeyPages:
    """The passkeys of the person who is signed in, all of it after a fresh proof."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(HERE, answering(self.show)),
            Route(HERE, answering(self.add), methods=["POST"]),
            Route(f"{HERE}/remove", answering(self.remove), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """List the passkeys, with a form to add one."""
        viewer = await self._site.proved(request)
        return await self._page(request, viewer)

    async def add(self, request: Request) -> Response:
        """Add a passkey; with the first second factor, recovery codes are shown."""
        fields, site = await read_form(request), self._site
        viewer = await site.proved(request, HERE)
        site.require_ours(request, fields, cookies.SESSION)
        try:
            codes = await stored.add(
                site.database,
                site.settings,
                site.outbox,
                viewer,
                fields.get("name", ""),
                site.proof_in(request, fields, cookies.SESSION).passkey,
                origin_of(request),
            )
        except Problem as problem:
            return await self._page(request, viewer, problem, fields.get("name", ""))
        if codes:
            return site.form(request, "recovery_codes.html", cookie=cookies.SESSION, codes=codes)
        return see(f"{HERE}?news=added")

    async def remove(self, request: Request) -> Response:
        """Remove a passkey."""
        site = self._site
        fields = await site.fields(request, cookies.SESSION)
        viewer = await site.proved(request, HERE)
        try:
            id = UUID(fields.get("id", ""))
        except ValueError:
            raise Problem("NOT_FOUND", stored.NO_SUCH) from None
        await stored.remove(site.database, site.outbox, viewer, id, origin_of(request))
        return see(f"{HERE}?news=removed")

    async def _page(
        self,
        request: Request,
        viewer: Viewer,
        problem: Problem | None = None,
        name: str = "",
    ) -> Response:
        assert viewer.id  # noqa: S101
        site = self._site
        state = await second_factor.state(site.database, viewer.id)
        agent = request.headers.get("user-agent", "")
        return site.form(
            request,
            "passkeys.html",
            problem,
            cookie=cookies.SESSION,
            news=NEWS.get(request.query_params.get("news", "")),
            passkeys=await stored.of_person(site.database, viewer.id),
            codes=state.codes if state else 0,
            options=await self._options(request, viewer),
            name=name or agents.in_words(agent),
        )

    async def _options(self, request: Request, viewer: Viewer) -> str | None:
        """Return the options to register a passkey in this session; None where there are none."""
        assert viewer.id  # noqa: S101
        settings = self._site.settings
        party = ceremonies.relying_party(settings)
        if party is None:
            return None
        browser = self._site.read(request, cookies.SESSION)
        challenge = challenges.new(settings, Purpose.REGISTER, browser)
        known = await stored.known(self._site.database, viewer.id)
        return ceremonies.creation_options(party, viewer, challenge, known)
