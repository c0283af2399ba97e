"""The pages for signing up: an address, then, from the link mailed to it, a name and a password."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth import cookies, sign_up
from auth.identify import origin_of
from auth.pages.forms import read_form
from auth.pages.page import page
from auth.pages.site import Site, answering, see
from db.problem import Problem


class SignUpPages:
    """Signing up."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route("/sign-up", answering(self.show)),
            Route("/sign-up", answering(self.ask), methods=["POST"]),
            Route("/sign-up/confirm", answering(self.show_confirm)),
            Route("/sign-up/confirm", answering(self.confirm), methods=["POST"]),
            Route("/sign-up/waiting", answering(self.waiting)),
            Route("/mail-sent", answering(self.mail_sent)),
        ]

    async def show(self, request: Request) -> Response:
        """The form for an address."""
        sign_up.require_open(self._site.settings, self._site.outbox)
        return self._site.form(request, "sign_up.html", email="")

    async def ask(self, request: Request) -> Response:
        """Have a link mailed; the answer is the same for every address."""
        fields = await read_form(request)
        email, site = fields.get("email", ""), self._site
        try:
            site.require_ours(request, fields, cookies.FORM)
            await sign_up.ask(site.database, site.settings, site.outbox, email, origin_of(request))
        except Problem as problem:
            return site.form(request, "sign_up.html", problem, email=email)
        return see("/mail-sent")

    async def show_confirm(self, request: Request) -> Response:
        """The form for a name and a password; looking at it uses nothing up."""
        sign_up.require_open(self._site.settings, self._site.outbox)
        token = request.query_params.get("token", "")
        email = await sign_up.opened(self._site.database, token)
        return self._confirm_form(request, None, token=token, email=email, name="")

    async def confirm(self, request: Request) -> Response:
        """Make the account; then sign in, or wait for approval."""
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
        return see("/sign-in?news=signed-up" if approved else "/sign-up/waiting")

    async def waiting(self, _: Request) -> Response:
        """What happens next, where people are approved."""
        return page("waiting.html")

    async def mail_sent(self, _: Request) -> Response:
        """Where to look for the link, if there is one."""
        logged = not self._site.settings.smtp_url
        return page("mail_sent.html", logged=logged)

    def _confirm_form(self, request: Request, problem: Problem | None, **values: str) -> Response:
        return self._site.form(request, "confirm.html", problem, **values)
