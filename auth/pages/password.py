"""The pages to reset a forgotten password, and to change one while signed in."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import password_change, second_factor
from auth.credentials import cookies
from auth.credentials.identify import origin_of
from auth.viewer import Viewer
from auth.web.forms import read_form
from auth.web.site import Site, answering, see
from db.problem import Problem


class PasswordPages:
    """Resetting and changing passwords."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        forgotten, choose = "/forgotten-password", "/forgotten-password/choose"
        return [
            Route(forgotten, answering(self.show_forgotten)),
            Route(forgotten, answering(self.ask), methods=["POST"]),
            Route(choose, answering(self.show_choose)),
            Route(choose, answering(self.choose), methods=["POST"]),
            Route("/account/password", answering(self.show_change)),
            Route("/account/password", answering(self.change), methods=["POST"]),
        ]

    async def show_forgotten(self, request: Request) -> Response:
        """Show the form for an address."""
        password_change.require_mail(self._site.outbox)
        return self._site.form(request, "forgotten_password.html", email="")

    async def ask(self, request: Request) -> Response:
        """Mail a link; the answer is the same for every address."""
        fields = await read_form(request)
        email, site = fields.get("email", ""), self._site
        try:
            site.require_ours(request, fields, cookies.FORM)
            await password_change.ask(
                site.database, site.settings, site.outbox, email, origin_of(request)
            )
        except Problem as problem:
            return site.form(request, "forgotten_password.html", problem, email=email)
        return see("/mail-sent")

    async def show_choose(self, request: Request) -> Response:
        """Show the form for a new password; this does not use the link."""
        token = request.query_params.get("token", "")
        email = await password_change.opened(self._site.database, token)
        return self._site.form(request, "choose_password.html", token=token, email=email)

    async def choose(self, request: Request) -> Response:
        """Set the password; then the person signs in with it."""
        fields = await read_form(request)
        token, site = fields.get("token", ""), self._site
        email = await password_change.opened(site.database, token)
        try:
            site.require_ours(request, fields, cookies.FORM)
            await password_change.reset(
                site.database,
                site.settings,
                site.outbox,
                token,
                fields.get("password", ""),
                origin_of(request),
            )
        except Problem as problem:
            if problem.code == "NOT_FOUND":
                raise
            return site.form(request, "choose_password.html", problem, token=token, email=email)
        response = see("/sign-in?news=changed")
        site.know(response, request, email)
        return response

    async def show_change(self, request: Request) -> Response:
        """Show the form for a new password and the current one."""
        viewer = await self._viewer(request)
        return self._change_form(request, viewer.email)

    async def change(self, request: Request) -> Response:
        """Change the password, and stay signed in."""
        fields = await read_form(request)
        site = self._site
        viewer = await self._viewer(request)
        try:
            site.require_ours(request, fields, cookies.SESSION)
            await password_change.change(
                site.database,
                site.settings,
                site.outbox,
                viewer,
                fields.get("current_password", ""),
                fields.get("password", ""),
                origin_of(request),
            )
        except Problem as problem:
            return self._change_form(request, viewer.email, problem)
        return see("/account?news=password")

    async def _viewer(self, request: Request) -> Viewer:
        """Return the signed-in viewer; with a second factor, a fresh proof is required as well."""
        viewer = await self._site.signed_in(request)
        if viewer.id and await second_factor.state(self._site.database, viewer.id):
            return await self._site.proved(request)
        return viewer

    def _change_form(
        self, request: Request, email: str | None, problem: Problem | None = None
    ) -> Response:
        return self._site.form(
            request, "change_password.html", problem, cookie=cookies.SESSION, email=email
        )
