"""The pages of the second factor, and the one for a fresh proof."""

from typing import Any
from urllib.parse import urlsplit

import segno
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import second_factor, step_up, totp
from auth.accounts.sso.connections import of_person
from auth.credentials import cookies
from auth.credentials.identify import origin_of
from auth.viewer import Viewer
from auth.web.forms import local_path, read_form
from auth.web.site import Site, answering, see
from db.problem import Problem

HERE = "/account/second-factor"


class SecondFactorPages:
    """Turning the second factor on and off, recovery codes, and fresh proofs."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(HERE, answering(self.show)),
            Route(HERE, answering(self.turn_on), methods=["POST"]),
            Route(f"{HERE}/off", answering(self.turn_off), methods=["POST"]),
            Route(f"{HERE}/codes", answering(self.renew_codes), methods=["POST"]),
            Route("/prove", answering(self.show_proof)),
            Route("/prove", answering(self.prove), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show how to set an app up or, once that is done, its state."""
        viewer = await self._site.proved(request)
        assert viewer.id  # noqa: S101
        state = await second_factor.state(self._site.database, viewer.id)
        if state is None or state.app_since is None:
            return self._offer(request, viewer)
        return self._form(request, "second_factor.html", state=state)

    async def turn_on(self, request: Request) -> Response:
        """Turn the second factor on after a right code; show the recovery codes."""
        fields = await read_form(request)
        viewer = await self._site.proved(request, HERE)
        site = self._site
        site.require_ours(request, fields, cookies.SESSION)
        sealed = fields.get("offer", "")
        secret = second_factor.offered(site.settings, viewer, sealed)
        try:
            codes = await second_factor.turn_on(
                site.database,
                site.settings,
                site.outbox,
                viewer,
                secret,
                fields.get("code", ""),
                origin_of(request),
            )
        except Problem as problem:
            if problem.code == "CONFLICT":  # in another tab
                return see(HERE)
            return self._offer(request, viewer, (secret, sealed), problem)
        return self._form(request, "recovery_codes.html", codes=codes)

    async def turn_off(self, request: Request) -> Response:
        """Turn the second factor off."""
        viewer = await self._sent(request)
        site = self._site
        await second_factor.turn_off(site.database, site.outbox, viewer, origin_of(request))
        return see("/account?news=second-factor-off")

    async def renew_codes(self, request: Request) -> Response:
        """Show new recovery codes, once."""
        viewer, site = await self._sent(request), self._site
        codes = await second_factor.renew_codes(
            site.database, site.outbox, viewer, origin_of(request)
        )
        return self._form(request, "recovery_codes.html", codes=codes)

    async def show_proof(self, request: Request) -> Response:
        """Show the form for the password and, with a second factor, a code or a passkey."""
        next = local_path(request.query_params.get("next"))
        viewer = await self._site.signed_in(request)
        always = "always" in request.query_params
        if not always and await step_up.is_fresh(self._site.database, viewer):
            return see(next)
        return await self._proof_form(request, viewer, next)

    async def prove(self, request: Request) -> Response:
        """Verify the proof and redirect to the target; or show the form again, with the error."""
        fields = await read_form(request)
        next, site = local_path(fields.get("next")), self._site
        viewer = await site.signed_in(request, next)
        try:
            site.require_ours(request, fields, cookies.SESSION)
            await step_up.prove(
                site.database,
                site.settings,
                site.outbox,
                viewer,
                fields.get("current_password", ""),
                site.proof_in(request, fields, cookies.SESSION),
                origin_of(request),
            )
        except Problem as problem:
            return await self._proof_form(request, viewer, next, problem)
        return see(next)

    async def _sent(self, request: Request) -> Viewer:
        """Return the sender of a form of this site, with a fresh proof."""
        await self._site.fields(request, cookies.SESSION)
        return await self._site.proved(request, HERE)

    async def _proof_form(
        self, request: Request, viewer: Viewer, next: str, problem: Problem | None = None
    ) -> Response:
        assert viewer.id  # noqa: S101
        state = await second_factor.state(self._site.database, viewer.id)
        site = self._site
        return self._form(
            request,
            "prove.html",
            problem,
            next=next,
            email=viewer.email,
            with_code=bool(state),
            with_passkey=bool(state and state.passkeys),
            connections=await of_person(site.database, site.settings, viewer.id),
        )

    def _offer(
        self,
        request: Request,
        viewer: Viewer,
        offer: tuple[bytes, str] | None = None,
        problem: Problem | None = None,
    ) -> Response:
        secret, sealed = offer or second_factor.offer(self._site.settings, viewer)
        host = urlsplit(self._site.settings.url).hostname or "localhost"
        address = totp.address(secret, viewer.email or "", f"Gateway {host}")
        return self._form(
            request,
            "second_factor_offer.html",
            problem,
            offer=sealed,
            letters=totp.in_letters(secret),
            picture=_picture(address),
            address=address,
        )

    def _form(
        self, request: Request, template: str, problem: Problem | None = None, **values: Any
    ) -> Response:
        return self._site.form(request, template, problem, cookie=cookies.SESSION, **values)


def _picture(text: str) -> Markup:
    """Return a QR code as SVG, without the styles that the policy of the pages forbids."""
    svg = segno.make(text, error="m", micro=False).svg_inline(omitsize=True, border=4)
    return Markup(svg)  # noqa: S704 (made of a picture, not of text)
