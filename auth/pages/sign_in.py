"""The pages for signing in and out."""

from contextlib import suppress
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from auth.accounts import second_factor
from auth.accounts.mailed_links import not_found
from auth.accounts.passkeys import sign_in as passkeys
from auth.accounts.sign_in import HalfSignedIn, Held, second_step, sign_in
from auth.accounts.sso.connections import Connection, of_address
from auth.accounts.sso.flow import SingleSignOn
from auth.credentials import cookies, known_browsers
from auth.credentials.browser_sessions import Started
from auth.credentials.identify import origin_of
from auth.credentials.people import address
from auth.pages.single_sign_on import way_to
from auth.web.forms import local_path, read_form
from auth.web.sign_out import sign_out
from auth.web.site import Site, answering, see
from db.problem import Problem

SECOND_FACTOR = "/account/second-factor"
NEWS = {
    "signed-up": "Your account is ready. Sign in with your new password.",
    "known": "Sign in with your password. Attempts of others do not delay you in this browser.",
    "closed": "Your account is closed.",
    "erased": "Your account is closed, and your personal data are erased.",
    "changed": "Your password has been changed. Sign in with the new one.",
}
"""The message after each action, by its name in the address of the page."""


class SignInPages:
    """Signing in and out."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._sso = SingleSignOn.of(site.database, site.settings, site.outbox)

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route("/sign-in", answering(self.show)),
            Route("/sign-in", answering(self.sign_in), methods=["POST"]),
            Route("/sign-in/passkey", answering(self.begin_again)),
            Route("/sign-in/passkey", answering(self.sign_in_with_passkey), methods=["POST"]),
            Route("/sign-in/code", answering(self.begin_again)),
            Route("/sign-in/code", answering(self.second_step), methods=["POST"]),
            Route("/sign-out", answering(self.sign_out), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Show the form; a person who is signed in is redirected to the target."""
        next = local_path(request.query_params.get("next"))
        if token := request.query_params.get("known"):
            return self._know(request, token)
        viewer = await self._site.viewer(request)
        if viewer.id is not None:
            return see(next)
        asked, email = (request.query_params.get(name, "") for name in ("news", "email"))
        news = NEWS.get(asked)
        if news and not email:
            known = self._site.read(request, cookies.KNOWN)
            email = known_browsers.latest_address(self._site.settings, known)
        return self._form(request, next, email=email, news=news)

    async def sign_in(self, request: Request) -> Response:
        """Sign in and redirect to the target; or show the form again, with the error."""
        fields = await read_form(request)
        next, email = local_path(fields.get("next")), fields.get("email", "")
        try:
            self._site.require_ours(request, fields, cookies.FORM)
            if not fields.get("owner") and (enforced := await self._enforced(email)):
                return way_to(self._site, request, enforced, next, email)
            step = await sign_in(
                self._site.database,
                self._site.settings,
                self._site.outbox,
                email,
                fields.get("password", ""),
                origin_of(request),
                self._held(request),
            )
        except Problem as problem:
            return self._form(request, next, problem, email)
        if isinstance(step, HalfSignedIn):
            return self._step_form(request, next, step.state, with_passkey=step.has_passkey)
        return await self._begin(request, next, step)

    async def sign_in_with_passkey(self, request: Request) -> Response:
        """Sign in with a passkey alone; or show the form for signing in, with the error."""
        fields = await read_form(request)
        next, site = local_path(fields.get("next")), self._site
        try:
            site.require_ours(request, fields, cookies.FORM)
            started = await passkeys.sign_in(
                site.database,
                site.settings,
                site.outbox,
                site.proof_in(request, fields, cookies.FORM).passkey,
                origin_of(request),
                self._held(request),
            )
        except Problem as problem:
            return self._form(request, next, problem)
        return await self._begin(request, next, started)

    async def begin_again(self, _: Request) -> Response:
        """Redirect to the first step: the path of a form was opened without it."""
        return see("/sign-in")

    async def second_step(self, request: Request) -> Response:
        """Sign in with a second factor after the password; or show its form again."""
        fields = await read_form(request)
        next, state = local_path(fields.get("next")), fields.get("state", "")
        try:
            self._site.require_ours(request, fields, cookies.FORM)
            started = await second_step(
                self._site.database,
                self._site.settings,
                self._site.outbox,
                state,
                self._site.proof_in(request, fields, cookies.FORM),
                origin_of(request),
                self._held(request),
            )
        except Problem as problem:
            if problem.code in ("UNAUTHENTICATED", "FORBIDDEN"):
                return self._form(request, next, problem)
            asked = bool(fields.keys() & {"passkey", "credential"})
            return self._step_form(request, next, state, problem, with_passkey=asked)
        return await self._begin(request, next, started)

    async def sign_out(self, request: Request) -> Response:
        """End the session of the browser, and that of the provider where it began."""
        fields = await self._site.fields(request, cookies.SESSION)
        next = local_path(fields.get("next"))
        return await sign_out(self._sso, request, next, see(next))

    async def _enforced(self, email: str) -> Connection | None:
        """Return the identity provider at which people with this address have to sign in."""
        with suppress(Problem):  # what is no address belongs to nobody
            site = self._site
            found = await of_address(site.database, site.settings, address(email))
            return found if found and found.is_enforced else None
        return None

    async def _begin(self, request: Request, next: str, started: Started) -> Response:
        """Start the session; whoever needs a second factor is led to set it up first."""
        demanded = await second_factor.is_demanded(self._site.database, started.id)
        response = see(SECOND_FACTOR if demanded else next)
        settings = self._site.settings
        cookies.write(response, request, settings, cookies.SESSION, started.secret, started.seconds)
        self._site.keep_known(response, request, started.known)
        return response

    def _know(self, request: Request, token: str) -> Response:
        """Mark the browser as known, in which a mailed link is opened; redirect to the form."""
        email = known_browsers.address_of(self._site.settings, token)
        if email is None:
            raise not_found()
        response = see("/sign-in?news=known")
        self._site.know(response, request, email)
        return response

    def _held(self, request: Request) -> Held:
        read = partial(self._site.read, request)
        return Held(read(cookies.SESSION), read(cookies.FORM), read(cookies.KNOWN))

    def _step_form(
        self,
        request: Request,
        next: str,
        state: str,
        problem: Problem | None = None,
        *,
        with_passkey: bool,
    ) -> Response:
        return self._site.form(
            request,
            "second_step.html",
            problem,
            next=next,
            state=state,
            with_passkey=with_passkey,
        )

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
            with_passkey=True,
            next=next,
            email=email,
            news=news,
            closed=self._site.settings.signing_up == "closed",
            owner="owner" in request.query_params or request.method == "POST",
        )
