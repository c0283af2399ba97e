"""The pages for signing up: an address, then, from the link mailed to it, a name and a password."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import sign_up
from auth.credentials import cookies
from auth.credentials.identify import origin_of
from auth.web.forms import read_form
from auth.web.page import page
from auth.web.site import Site, answering, see
from db.problem import Problem


class SignUpPages:
    """Signing up."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route("/sign-up", answering(self.show)),
            Route("/sign-up", answering(self.ask), methods=["POST"]),
            Route("/sign-up/confirm", answering(self.show_confirm)),
            Route("/sign-up/confirm", answering(self.confirm), methods=["POST"]),
            Route("/sign-up/waiting", answering(self.waiting)),
            Route("/mail-sent", answering(self.mail_sent)),
        ]

    async def show(self, request: Request) -> Response:
        """Show the form for an address."""
        sign_up.require_open(self._site.settings, self._site.outbox)
        return self._site.form(request, "sign_up.html", email="")

    async def ask(self, request: Request) -> Response:
        """Mail a link; the answer is the same for every address."""
        fields = await read_form(request)
        email, site = fields.get("email", ""), self._site
        try:
            site.require_ours(request, fields, cookies.FORM)
            await sign_up.ask(site.database, site.settings, site.outbox, email, origin_of(request))
        except Problem as problem:
            return site.form(request, "sign_up.html", problem, email=email)
        return see("/mail-sent")

    async def show_confirm(self, request: Request) -> Response:
        """Show the form for a name and a password; this does not use the link."""
        sign_up.require_open(self._site.settings, self._site.outbox)
        token = request.query_params.get("token", "")
        email = await sign_up.opened(self._site.database, token)
        return self._confirm_form(request, None, token=token, email=email, name="")

    async def confirm(self, request: Request) -> Response:
        """Create the account; then the person signs in, or waits for approval."""
        fields = await read_form(request)
        token, name = fields.get("token", ""), fields.get("full_name", "")
        site = self._site
        email = await sign_up.opened(site.database, token)
        try:
            site.require_ours(request, fields, cookies.FORM)
            approved = await sign_up.confirm(
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
            return self._confirm_form(request, problem, token=token, email=email, name=name)
        if not approved:
            return see("/sign-up/waiting")
        response = see("/sign-in?news=signed-up")
        site.know(response, request, email)
        return response

    async def waiting(self, _: Request) -> Response:
        """Show the next steps, where people are approved."""
        return page("waiting.html")

    async def mail_sent(self, _: Request) -> Response:
        """Show that a link may have been mailed."""
        logged = not self._site.settings.smtp_url
        return page("mail_sent.html", logged=logged)

    def _confirm_form(self, request: Request, problem: Problem | None, **values: Any) -> Response:
        return self._site.form(request, "confirm.html", problem, **values)
