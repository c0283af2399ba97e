"""The pages of single sign-on: the address, the way to the provider and back, and its logout."""

from contextlib import suppress
from functools import partial
from urllib.parse import quote
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from auth.accounts.sign_in import Held
from auth.accounts.sso import attempts, connections, identities
from auth.accounts.sso.attempts import Attempt, Purpose
from auth.accounts.sso.connections import Connection
from auth.accounts.sso.flow import Answer, Halfway, SingleSignOn
from auth.credentials import cookies
from auth.credentials.browser_sessions import Started
from auth.credentials.identify import origin_of
from auth.credentials.people import address
from auth.viewer import Viewer
from auth.web.forms import local_path, read_form
from auth.web.page import SECURE
from auth.web.site import Site, answering, refusal, see
from db.problem import CODES, Problem

ORGANIZATION, IDENTITIES = "/sign-in/organization", "/account/identities"
UNKNOWN = "No organization has set up single sign-on for this address. Sign in with your password."
NEWS = {
    "connected": "Your account is connected.",
    "removed": "The identity has been removed from your account.",
}


class SingleSignOnPages:
    """Signing in at the identity provider of an organization."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._sso = SingleSignOn.of(site.database, site.settings, site.outbox)

    def routes(self) -> list[Route]:
        """Return their routes."""
        return [
            Route(ORGANIZATION, answering(self.ask)),
            Route(ORGANIZATION, answering(self.find), methods=["POST"]),
            Route("/sso/{id}", answering(self.begin)),
            Route("/sso/{id}/callback", answering(self.come_back)),
            Route("/sso/code", answering(self.second_step), methods=["POST"]),
            Route("/sso/{id}/logout", self.log_out, methods=["POST"]),
            Route("/sso/{id}/signed-out", answering(self.signed_out)),
            Route(IDENTITIES, answering(self.identities)),
            Route(f"{IDENTITIES}/connect", answering(self.connect), methods=["POST"]),
            Route(f"{IDENTITIES}/remove", answering(self.remove), methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """Show the form for an address."""
        next = local_path(request.query_params.get("next"))
        return self._site.form(request, "sign_in_organization.html", next=next, email="")

    async def find(self, request: Request) -> Response:
        """Show the way to the identity provider of the address."""
        fields = await read_form(request)
        next, email = local_path(fields.get("next")), fields.get("email", "")
        try:
            self._site.require_ours(request, fields, cookies.FORM)
            found = await self._of_address(email)
        except Problem as problem:
            return self._site.form(
                request, "sign_in_organization.html", problem, next=next, email=email
            )
        return way_to(self._site, request, found, next, email)

    async def begin(self, request: Request) -> Response:
        """Redirect to the provider: to sign in, or to prove again who is signed in."""
        connection = await self._connection(request)
        next = local_path(request.query_params.get("next"))
        purpose, session_id = Purpose.SIGN_IN, ""
        if "prove" in request.query_params:
            viewer = await self._site.signed_in(request)
            purpose, session_id = Purpose.PROVE, viewer.session_id or ""
        attempt = Attempt.new(str(connection.id), purpose, next, session_id)
        hint = request.query_params.get("email", "")[:254]
        response = see(await self._sso.begin(connection, attempt, hint))
        self._keep(response, request, attempt)
        return response

    async def come_back(self, request: Request) -> Response:
        """Take the answer of a provider, and do what it was asked for."""
        site = self._site
        connection = await self._connection(request)
        given = request.query_params
        answer = Answer(
            given.get("state", ""), given.get("code", ""), given.get("iss"), given.get("error", "")
        )
        try:
            attempt = attempts.opened(site.settings, site.read(request, cookies.SSO))
            claims = await self._sso.claims(connection, attempt, answer)
            origin = origin_of(request)
            if attempt.purpose == Purpose.SIGN_IN:
                step = await self._sso.sign_in(connection, claims, origin, self._held(request))
                if isinstance(step, Halfway):
                    return self._halfway(request, attempt.next, step)
                response = self._signed_in(request, attempt.next, step)
            else:
                viewer = await self._same(request, attempt)
                act = {
                    Purpose.PROVE: self._sso.prove,
                    Purpose.LINK: self._sso.connect,
                    Purpose.TEST: self._sso.tested,
                }[Purpose(attempt.purpose)]
                await act(connection, claims, viewer, origin)
                response = see(attempt.next)
        except Problem as problem:
            response = refusal(problem)
        cookies.clear(response, request, site.settings, cookies.SSO)
        return response

    async def second_step(self, request: Request) -> Response:
        """Sign in with a second factor, which connects the identity to the account."""
        fields = await read_form(request)
        next, site = local_path(fields.get("next")), self._site
        try:
            site.require_ours(request, fields, cookies.FORM)
            link = attempts.opened_link(site.settings, site.read(request, cookies.SSO))
            connection = await connections.find(site.database, site.settings, link.provider)
            given, held = site.proof_in(request, fields, cookies.FORM), self._held(request)
            started = await self._sso.second_step(connection, link, given, origin_of(request), held)
        except Problem as problem:
            if problem.code in ("INVALID", "RATE_LIMITED"):
                asked = bool(fields.keys() & {"passkey", "credential"})
                return site.form(request, "sso_code.html", problem, next=next, with_passkey=asked)
            raise
        response = self._signed_in(request, next, started)
        cookies.clear(response, request, site.settings, cookies.SSO)
        return response

    async def log_out(self, request: Request) -> Response:
        """End the sessions that a provider's logout token names (Back-Channel Logout 1.0)."""
        try:
            connection = await self._connection(request)
            fields = await read_form(request)
            await self._sso.log_out(connection, fields.get("logout_token", ""), origin_of(request))
        except Problem as problem:
            status = 400 if CODES[problem.code].status < 500 else 503  # noqa: PLR2004
            told = {"error": "invalid_request", "error_description": problem.message}
            return JSONResponse(told, status, headers=SECURE)
        return Response(status_code=200, headers=SECURE)

    async def signed_out(self, request: Request) -> Response:
        """Lead a browser on that has signed out at a provider; another one to the first page."""
        site, next = self._site, "/"
        with suppress(Problem):
            attempt = attempts.opened(site.settings, site.read(request, cookies.SSO))
            given = (request.path_params["id"], request.query_params.get("state"))
            if attempt.purpose == Purpose.SIGN_OUT and given == (attempt.provider, attempt.state):
                next = attempt.next
        response = see(next)
        cookies.clear(response, request, site.settings, cookies.SSO)
        return response

    async def identities(self, request: Request) -> Response:
        """Show the providers at which the person can sign in, and those to connect."""
        viewer = await self._site.signed_in(request)
        assert viewer.id  # noqa: S101
        site = self._site
        connected = await identities.of_person(site.database, viewer.id)
        others = await connections.of_organizations(
            site.database, site.settings, viewer.organizations
        )
        known = {one.provider_id for one in connected}
        return site.form(
            request,
            "identities.html",
            cookie=cookies.SESSION,
            news=NEWS.get(request.query_params.get("news", "")),
            connected=connected,
            others=[one for one in others if one.id not in known],
        )

    async def connect(self, request: Request) -> Response:
        """Show the way to the provider whose identity is to be connected; takes a fresh proof."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.proved(request, IDENTITIES)
        site = self._site
        connection = await connections.find(site.database, site.settings, fields.get("id", ""))
        if connection.organization_id not in viewer.organizations:
            raise Problem("NOT_FOUND", connections.NO_SUCH)
        next = f"{IDENTITIES}?news=connected"
        return await self.away(request, connection, Purpose.LINK, viewer, next)

    async def remove(self, request: Request) -> Response:
        """Remove an identity of the person; takes a fresh proof."""
        fields = await self._site.fields(request, cookies.SESSION)
        viewer = await self._site.proved(request, IDENTITIES)
        assert viewer.id  # noqa: S101
        site = self._site
        try:
            id = UUID(fields.get("id", ""))
        except ValueError:
            raise Problem("NOT_FOUND", identities.NO_SUCH) from None
        await identities.remove(site.database, id, viewer.id, origin_of(request))
        return see(f"{IDENTITIES}?news=removed")

    async def away(
        self, request: Request, connection: Connection, purpose: Purpose, viewer: Viewer, next: str
    ) -> Response:
        """Return a page with a link to the provider: a form must not redirect to another site."""
        attempt = Attempt.new(str(connection.id), purpose, next, viewer.session_id or "")
        target = await self._sso.begin(connection, attempt, viewer.email or "")
        response = self._site.form(
            request,
            "sso_continue.html",
            cookie=cookies.SESSION,
            target=target,
            connection=connection,
        )
        self._keep(response, request, attempt)
        return response

    async def _of_address(self, email: str) -> Connection:
        """Return the identity provider of an address. Raises INVALID."""
        site = self._site
        found = await connections.of_address(site.database, site.settings, address(email))
        if found is None:
            raise Problem("INVALID", UNKNOWN, field=["email"])
        return found

    async def _connection(self, request: Request) -> Connection:
        site = self._site
        return await connections.find(site.database, site.settings, request.path_params["id"])

    async def _same(self, request: Request, attempt: Attempt) -> Viewer:
        """Return the person who began this attempt. Raises UNAUTHENTICATED."""
        viewer = await self._site.viewer(request)
        if viewer.id is None or viewer.session_id != attempt.session_id:
            raise Problem("UNAUTHENTICATED", attempts.START_AGAIN)
        return viewer

    def _keep(self, response: Response, request: Request, attempt: Attempt) -> None:
        settings = self._site.settings
        value = attempts.seal(settings, attempt)
        cookies.write(response, request, settings, cookies.SSO, value, attempts.LIFETIME)

    def _halfway(self, request: Request, next: str, step: Halfway) -> Response:
        response = self._site.form(
            request, "sso_code.html", next=next, with_passkey=step.has_passkey
        )
        settings, value = self._site.settings, step.state
        cookies.write(response, request, settings, cookies.SSO, value, attempts.LIFETIME)
        return response

    def _signed_in(self, request: Request, next: str, started: Started) -> Response:
        response, settings = see(next), self._site.settings
        cookies.write(response, request, settings, cookies.SESSION, started.secret, started.seconds)
        self._site.keep_known(response, request, started.known)
        return response

    def _held(self, request: Request) -> Held:
        read = partial(self._site.read, request)
        return Held(read(cookies.SESSION), read(cookies.FORM), read(cookies.KNOWN))


def way_to(site: Site, request: Request, connection: Connection, next: str, email: str) -> Response:
    """Return a page with a link by which a person signs in at their organization."""
    target = f"/sso/{connection.id}?next={quote(next, safe='')}&email={quote(email, safe='')}"
    return site.form(request, "sso_continue.html", target=target, connection=connection)
