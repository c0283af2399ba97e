"""The pages for signing in and out."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth import cookies
from auth.browser_sessions import Started
from auth.identify import origin_of
from auth.pages.forms import local_path, read_form
from auth.pages.site import Site, answering, see
from auth.sign_in import HalfSignedIn, second_step, sign_in, sign_out
from db.problem import Problem

NEWS = {
    "signed-up": "Your account is ready. Sign in with the password that you have just chosen.",
    "changed": "Your password has been changed. Sign in with the new one.",
}
"""What has just happened, by the name that the address of the page gives it."""


class SignInPages:
    """Signing in and out."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Their routes."""
        return [
            Route("/sign-in", answering(self.show)),
            Route("/sign-in", answering(self.sign_in), methods=["POST"]),
            Route("/sign-in/code", answering(self.begin_again)),
            Route("/sign-in/code", answering(self.second_step), methods=["POST"]),
            Route("/sign-out", answering(self.sign_out), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The form; whoever is signed in already goes on to where they wanted."""
        next = local_path(request.query_params.get("next"))
        viewer = await self._site.viewer(request)
        if viewer.id is not None:
            return see(next)
        return self._form(request, next, news=NEWS.get(request.query_params.get("news", "")))

    async def sign_in(self, request: Request) -> Response:
        """Sign in, and go on; or the form again, with what was wrong."""
        fields = await read_form(request)
        next, email = local_path(fields.get("next")), fields.get("email", "")
        try:
            self._site.require_ours(request, fields, cookies.FORM)
            step = await sign_in(
                self._site.database,
                self._site.settings,
                email,
                fields.get("password", ""),
                origin_of(request),
                self._site.read(request, cookies.SESSION),
                self._site.read(request, cookies.FORM),
            )
        except Problem as problem:
            return self._form(request, next, problem, email)
        if isinstance(step, HalfSignedIn):
            return self._site.form(request, "second_step.html", next=next, state=step.state)
        return self._begin(request, next, step)

    async def begin_again(self, _: Request) -> Response:
        """Whoever opens the page of the second step has not taken the first."""
        return see("/sign-in")

    async def second_step(self, request: Request) -> Response:
        """Sign in with a code after the password; or ask for the code again."""
        fields = await read_form(request)
        next, state = local_path(fields.get("next")), fields.get("state", "")
        try:
            self._site.require_ours(request, fields, cookies.FORM)
            started = await second_step(
                self._site.database,
                self._site.settings,
                self._site.outbox,
                state,
                fields.get("code", ""),
                origin_of(request),
                self._site.read(request, cookies.SESSION),
                self._site.read(request, cookies.FORM),
            )
        except Problem as problem:
            if problem.code in ("UNAUTHENTICATED", "FORBIDDEN"):
                return self._form(request, next, problem)
            return self._site.form(request, "second_step.html", problem, next=next, state=state)
        return self._begin(request, next, started)

    async def sign_out(self, request: Request) -> Response:
        """End the session, wherever it stands."""
        fields = await self._site.fields(request, cookies.SESSION)
        secret = self._site.read(request, cookies.SESSION)
        await sign_out(self._site.database, secret, origin_of(request))
        response = see(local_path(fields.get("next")))
        cookies.clear(response, request, self._site.settings, cookies.SESSION)
        return response

    def _begin(self, request: Request, next: str, started: Started) -> Response:
        response = see(next)
        settings = self._site.settings
        cookies.write(response, request, settings, cookies.SESSION, started.secret, started.seconds)
        return response

    def _form(
        self,
        request: Request,
        next: str,
        problem: Problem | None = None,
        email: str = "",
        news: str | None = None,
    ) -> Response:
        return self._site.form(
            request,
            "sign_in.html",
            problem,
            next=next,
            email=email,
            news=news,
            closed=self._site.settings.signing_up == "closed",
        )
