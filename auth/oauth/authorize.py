"""The authorization endpoint: asks people for consent to applications.

The request stands in the form, bound to it and to the session by the form's token; nothing is
stored between the page and the answer, so that any number of tabs can be open. For a pushed request
its name stands there. The form also names the registration of the application that was shown: after
a change of it, people are asked again.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from authlib.oauth2.rfc6749 import OAuth2Error
from sqlalchemy import func
from starlette.requests import Request
from starlette.responses import Response

from auth.accounts.step_up import is_fresh
from auth.credentials import cookies
from auth.credentials.credential_lock import CredentialEnded
from auth.credentials.identify import identify_session, origin_of
from auth.oauth import consents, pushed
from auth.oauth.bridge import Bridge
from auth.oauth.client_documents import ClientDocuments
from auth.oauth.clients import is_app
from auth.oauth.interaction import BEGAN, sign_began, take_began
from auth.oauth.limits import admit_visit
from auth.oauth.metadata import AUTHORIZE
from auth.oauth.question import Question, answer, question, registration
from auth.oauth.requests import OAuthRequest, Pairs, query_of
from auth.oauth.server import Server, with_answer
from auth.policy.scope_names import in_words
from auth.secret import fresh, is_secret
from auth.viewer import Viewer
from auth.web import csrf
from auth.web.forms import fields_of, read_pairs
from auth.web.page import SECURE, page
from auth.web.site import proof_path
from db.problem import CODES, Problem

MAX_QUERY_LENGTH = 3900
"""Characters of a request, at most, that the browser can bring back from signing in."""
MAX_MARK_LENGTH = 80
"""Characters of the signed time of the first request, at most."""
MAX_FIELDS = 30
OF_THE_PAGE = {"csrf_token", "decision", "shown"}
"""Fields of the page's form, which an application's posted request does not have."""

TOO_LONG = f"The request is longer than {MAX_QUERY_LENGTH} characters."

HEADERS = {**SECURE, "Referrer-Policy": "no-referrer"}
"""Headers of redirects to an application: it must not learn the address of this page."""


T = TypeVar("T")


class Authorize:
    """The endpoint, for one database and one set of settings."""

    def __init__(self, bridge: Bridge, clients: ClientDocuments) -> None:
        self._bridge, self._database, self._clients = bridge, bridge.database, clients
        self._settings = bridge.settings

    async def __call__(self, request: Request) -> Response:
        """Ask or answer; errors that must not be sent to an application are a page."""
        if request.method == "HEAD":  # Starlette lets it in with GET; it must not make a code
            return Response(status_code=405, headers={**SECURE, "Allow": "GET, POST"})
        try:
            if request.method == "POST":
                return await self._post(request)
            return await self._ask(request, request.scope["query_string"])
        except OAuth2Error as error:
            return page("oauth_refusal.html", 400, refusal=error.get_error_description())
        except Problem as problem:
            code = CODES[problem.code]
            response = page(
                "refusal.html" if code.retryable else "oauth_refusal.html",
                code.status,
                refusal=problem.message,
            )
            if code.retryable:
                response.headers["Retry-After"] = str(problem.extensions.get("retryAfter", 1))
            return response

    async def _post(self, request: Request) -> Response:
        pairs = await read_pairs(request, MAX_FIELDS)
        if OF_THE_PAGE & dict(pairs).keys():
            return await self._decided(request, fields_of(pairs))
        # An application's request by POST; a browser has sent no session along with it.
        query = urlencode(pairs)
        if len(query) > MAX_QUERY_LENGTH:
            raise Problem("BAD_REQUEST", TOO_LONG)
        return _see(f"{AUTHORIZE}?{query}")

    async def _ask(self, request: Request, encoded: bytes) -> Response:
        """Redirect when no question is needed; else show the page."""
        cookie_value = cookies.read(request, self._settings, cookies.FORM)
        browser = cookie_value if is_secret(cookie_value) else fresh()
        if len(encoded) > MAX_QUERY_LENGTH + MAX_MARK_LENGTH:
            raise Problem("BAD_REQUEST", TOO_LONG)
        pairs, began = take_began(self._settings, browser, query_of(encoded))
        pairs = _checked(pairs)
        await self._admit(request, pairs)
        viewer = await self._viewer(request)
        pending = await self._run(
            request,
            pairs,
            browser,
            lambda server, oauth_request: question(server, oauth_request, viewer, began),
        )
        query = urlencode(pairs)
        here = f"{AUTHORIZE}?{query}"
        if isinstance(pending, str):
            response = _see(pending)
        elif pending.scope is None or pending.unproved:
            response = _see(self._elsewhere(pending, browser, query))
        else:
            response = self._page(request, viewer, pending, pairs, here)
        if browser != cookie_value:
            cookies.write(response, request, self._settings, cookies.FORM, browser)
        return response

    def _elsewhere(self, pending: Question, browser: str, query: str) -> str:
        """Return the path of the page for signing in or a fresh proof, which leads back."""
        back = f"{AUTHORIZE}?{query}"
        if pending.began is not None:
            mark = {BEGAN: sign_began(self._settings, browser, query, pending.began)}
            back = f"{back}&{urlencode(mark)}"
        if pending.scope is None:
            return _sign_in(back, pending.hint)
        return proof_path(back, always=pending.began is not None)

    async def _decided(self, request: Request, form: dict[str, str]) -> Response:
        """Process the answer of the form, from the page that was shown in this session."""
        query, shown = form.get("request", ""), form.get("shown", "")
        bound = self._bound(request, query, shown)
        if not csrf.from_here(request, self._settings) or not csrf.proves(
            self._settings, form.get("csrf_token", ""), bound
        ):
            again = f"{AUTHORIZE}?{urlencode(_checked(query_of(query.encode())))}"
            return page("oauth_expired.html", 403, again=again)
        pairs = _checked(query_of(query.encode()))
        await self._admit(request, pairs)
        viewer = await self._viewer(request)
        here = f"{AUTHORIZE}?{query}"
        if viewer.id is None:
            return _see(_sign_in(here))
        allowed = form.get("decision") == "allow"
        proved = not allowed or await is_fresh(self._database, viewer)
        try:
            target = await self._run(
                request,
                pairs,
                cookies.read(request, self._settings, cookies.FORM),
                lambda server, oauth_request: answer(
                    server,
                    oauth_request,
                    viewer,
                    allowed=allowed,
                    proved=proved,
                    shown=shown,
                    place=form.get("place", ""),
                ),
                pushed.DOUBLE_CLICK,
            )
        except CredentialEnded:
            return _see(_sign_in(here))
        return _see(target or (here if proved else proof_path(here)))

    async def _run(
        self,
        request: Request,
        pairs: Pairs,
        browser: str,
        work: Callable[[Server, OAuthRequest], T],
        again: timedelta | None = None,
    ) -> T | str:
        """Return the result of the work, or the address to redirect to in its place."""

        def serve(server: Server) -> T | str:
            oauth_request = pushed.opened(server, self._oauth_request(pairs), browser, again)
            return _settled(server, oauth_request, work)

        return await self._bridge.run(serve, origin_of(request))

    def _page(
        self, request: Request, viewer: Viewer, pending: Question, pairs: Pairs, here: str
    ) -> Response:
        query, shown = urlencode(pairs), registration(pending.client)
        return page(
            "oauth_consent.html",
            next=here,
            application=pending.redirect_uri,
            name=pending.client.row.client_name,
            email=viewer.email,
            hint=pending.hint,
            is_for_another=pending.is_for_another,
            scopes=in_words(pending.scope or ""),
            place=_place(pending.redirect_uri),
            kept=consents.is_kept(pending.redirect_uri),
            registrant=pending.registrant,
            places=pending.places,
            is_narrowed=pending.is_narrowed,
            request=query,
            shown=shown,
            csrf_token=csrf.token(self._settings, self._bound(request, query, shown)),
            sign_out_token=csrf.token(self._settings, self._session(request)),
        )

    async def _admit(self, request: Request, pairs: Pairs) -> None:
        client_id, ip = dict(pairs).get("client_id", ""), origin_of(request).ip_address
        await admit_visit(self._database, self._settings, client_id, ip)
        await self._clients.require(client_id, origin_of(request))

    def _oauth_request(self, pairs: Pairs) -> OAuthRequest:
        return OAuthRequest("GET", self._settings.url + AUTHORIZE, {}, pairs)

    def _bound(self, request: Request, query: str, shown: str) -> str:
        """Return the text that the form's token is bound to; empty when nobody is signed in."""
        secret = self._session(request)
        return f"{secret}\0{query}\0{shown}" if secret else ""

    def _session(self, request: Request) -> str:
        return cookies.read(request, self._settings, cookies.SESSION)

    async def _viewer(self, request: Request) -> Viewer:
        return await identify_session(self._session(request), self._database, self._settings)


def _checked(pairs: Pairs) -> Pairs:
    """Return the parameters to come back with. Raises BAD_REQUEST when they are too long."""
    if len(urlencode(pairs)) > MAX_QUERY_LENGTH:
        raise Problem("BAD_REQUEST", TOO_LONG)
    return pushed.only_name(pairs)


def _settled(
    server: Server, oauth_request: OAuthRequest, work: Callable[[Server, OAuthRequest], T]
) -> T | str:
    """Return the result of the work, or the redirect with its error; mark a pushed request as used.

    Raises OAuth2Error when the error must not be sent to the application.
    """
    try:
        result: T | str = work(server, oauth_request)
    except OAuth2Error as error:
        if not error.redirect_uri:
            raise
        result = with_answer(error.redirect_uri, error.get_body(), server.issuer)
    if isinstance(result, str) and oauth_request.pushed:
        oauth_request.pushed.used_at = func.now()
    return result


def _place(redirect_uri: str) -> str:
    """Return the target of an address, in words for people."""
    if is_app(redirect_uri):
        return f"the app {redirect_uri.partition(':')[0]} on this device"
    host = urlsplit(redirect_uri).netloc
    return host if consents.is_kept(redirect_uri) else f"a program on this computer ({host})"


def _sign_in(here: str, email: str | None = None) -> str:
    """Return the path of the sign-in page, perhaps for this account, which leads back."""
    hint = {"email": email} if email else {}
    return f"/sign-in?{urlencode({'next': here} | hint)}"


def _see(address: str) -> Response:
    """Redirect the browser there with GET and without a referrer.

    The address is sent as it is: Starlette would quote parts of it again.
    """
    return Response(status_code=303, headers={**HEADERS, "Location": address})
