"""The authorization endpoint: people are asked whether an application may act in their name.

The request stands in the form, tied to it and to the session by the form's token; nothing is kept
between the page and the answer, so that any number of tabs can be open. Of a pushed request its
name stands there. So does which registration of the application was shown: after another one,
people are asked again.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

from authlib.oauth2.rfc6749 import AccessDeniedError, OAuth2Error
from sqlalchemy import func
from starlette.requests import Request
from starlette.responses import Response

from auth import cookies
from auth.holding import SignedOut
from auth.identify import identify_session, origin_of
from auth.oauth import consents, pushed
from auth.oauth.clients import Client, is_app
from auth.oauth.limits import admit_visit
from auth.oauth.metadata import AUTHORIZE
from auth.oauth.requests import Asked, Pairs, query_of
from auth.oauth.scopes import allows_everything, in_words
from auth.oauth.server import Bridge, Server, with_answer
from auth.pages import csrf
from auth.pages.forms import fields_of, read_pairs
from auth.pages.page import SECURE, page
from auth.pages.site import proof_path
from auth.secret import fresh, is_secret
from auth.step_up import is_fresh
from auth.viewer import ANONYMOUS, Viewer
from db.problem import CODES, Problem

LONGEST_QUERY = 3900
"""Characters: what signing in can come back to."""
MOST_FIELDS = 30
OF_THE_PAGE = {"csrf_token", "decision", "shown"}
"""Fields of the page's form, by which it is told from a request that an application has posted."""

TOO_LONG = f"The request is longer than {LONGEST_QUERY} characters."

HEADERS = {**SECURE, "Referrer-Policy": "no-referrer"}
"""Of answers that lead to an application: it must not learn the address of this page."""


T = TypeVar("T")


class LoginRequired(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """Nobody is signed in, and no page may be shown."""

    error = "login_required"


class ConsentRequired(OAuth2Error):  # type: ignore[misc] # Authlib has no types
    """The person has to be asked, and no page may be shown."""

    error = "consent_required"


class Question(NamedTuple):
    """What a page has to ask; `scope` None when somebody has to sign in first."""

    client: Client
    redirect_uri: str
    scope: str | None


class Authorize:
    """The endpoint, for one database and one set of settings."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge, self._database = bridge, bridge.database
        self._settings = bridge.settings

    async def __call__(self, request: Request) -> Response:
        """Ask, or answer; what cannot be told to an application is told by a page."""
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
        pairs = await read_pairs(request, MOST_FIELDS)
        if OF_THE_PAGE & dict(pairs).keys():
            return await self._decided(request, fields_of(pairs))
        # An application's request by POST; a browser has sent no session along with it.
        query = urlencode(pairs)
        if len(query) > LONGEST_QUERY:
            raise Problem("BAD_REQUEST", TOO_LONG)
        return _see(f"{AUTHORIZE}?{query}")

    async def _ask(self, request: Request, encoded: bytes) -> Response:
        """Send on whoever need not be asked; show the others a page."""
        pairs = self._pairs(encoded)
        await self._admit(request, pairs)
        viewer = await self._viewer(request)
        held = cookies.read(request, self._settings, cookies.FORM)
        browser = held if is_secret(held) else fresh()
        asked = await self._run(
            request, pairs, browser, lambda server, asked: _question(server, asked, viewer)
        )
        here = f"{AUTHORIZE}?{urlencode(pairs)}"
        if isinstance(asked, str):
            response = _see(asked)
        elif asked.scope is None:
            response = _see(_sign_in(here))
        elif allows_everything(asked.scope) and not await is_fresh(self._database, viewer):
            response = _see(proof_path(here))
        else:
            response = self._page(request, viewer, asked, pairs, here)
        if browser != held:
            cookies.write(response, request, self._settings, cookies.FORM, browser)
        return response

    async def _decided(self, request: Request, form: dict[str, str]) -> Response:
        """What somebody has answered, on the page they were shown and in their session."""
        query, shown = form.get("request", ""), form.get("shown", "")
        bound = self._bound(request, query, shown)
        if not csrf.from_here(request, self._settings) or not csrf.proves(
            self._settings, form.get("csrf_token", ""), bound
        ):
            again = f"{AUTHORIZE}?{urlencode(self._pairs(query.encode()))}"
            return page("oauth_expired.html", 403, again=again)
        pairs = self._pairs(query.encode())
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
                lambda server, asked: _answer(server, asked, viewer, allowed, proved, shown),
                pushed.DOUBLE_CLICK,
            )
        except SignedOut:
            return _see(_sign_in(here))
        return _see(target or (here if proved else proof_path(here)))

    async def _run(
        self,
        request: Request,
        pairs: Pairs,
        browser: str,
        work: Callable[[Server, Asked], T],
        again: timedelta | None = None,
    ) -> T | str:
        """What the work comes to, or where to send the browser instead of it."""

        def serve(server: Server) -> T | str:
            asked = pushed.opened(server, self._asked(pairs), browser, again)
            return _settled(server, asked, work)

        return await self._bridge.run(serve, origin_of(request))

    def _page(
        self, request: Request, viewer: Viewer, asked: Question, pairs: Pairs, here: str
    ) -> Response:
        query, shown = urlencode(pairs), _registration(asked.client)
        return page(
            "oauth_consent.html",
            next=here,
            application=asked.redirect_uri,
            name=asked.client.row.client_name,
            email=viewer.email,
            scopes=in_words(asked.scope or ""),
            place=_place(asked.redirect_uri),
            kept=consents.is_kept(asked.redirect_uri),
            unverified=asked.client.row.is_self_registered,
            request=query,
            shown=shown,
            csrf_token=csrf.token(self._settings, self._bound(request, query, shown)),
            sign_out_token=csrf.token(self._settings, self._session(request)),
        )

    async def _admit(self, request: Request, pairs: Pairs) -> None:
        client_id, ip = dict(pairs).get("client_id", ""), origin_of(request).ip_address
        await admit_visit(self._database, self._settings, client_id, ip)

    def _pairs(self, encoded: bytes) -> Pairs:
        pairs = query_of(encoded)
        if len(encoded) > LONGEST_QUERY or len(urlencode(pairs)) > LONGEST_QUERY:
            raise Problem("BAD_REQUEST", TOO_LONG)
        return pushed.only_name(pairs)

    def _asked(self, pairs: Pairs) -> Asked:
        return Asked("GET", self._settings.url + AUTHORIZE, {}, pairs)

    def _bound(self, request: Request, query: str, shown: str) -> str:
        """What the form's token is tied to; nothing, where nobody is signed in."""
        secret = self._session(request)
        return f"{secret}\0{query}\0{shown}" if secret else ""

    def _session(self, request: Request) -> str:
        return cookies.read(request, self._settings, cookies.SESSION)

    async def _viewer(self, request: Request) -> Viewer:
        return await identify_session(self._session(request), self._database, self._settings)


def _settled(server: Server, asked: Asked, work: Callable[[Server, Asked], T]) -> T | str:
    """What the work comes to; an answer to the application, also an error, uses up what it pushed.

    Raises OAuth2Error for what cannot be told to the application.
    """
    try:
        result: T | str = work(server, asked)
    except OAuth2Error as error:
        if not error.redirect_uri:
            raise
        result = with_answer(error.redirect_uri, error.get_body(), server.issuer)
    if isinstance(result, str) and asked.pushed:
        asked.pushed.used_at = func.now()
    return result


def _question(server: Server, asked: Asked, viewer: Viewer) -> Question | str:
    """What to ask, or where to send the browser without a question.

    Anybody may register an application, and with it an address: nobody is sent there before they
    have signed in, for whatever reason (RFC 9700, section 4.11.2). Silence is the exception.
    """
    person = viewer.id
    try:
        grant = server.authorization(asked, person)
    except OAuth2Error as error:
        client = server.query_client(asked.payload.only("client_id"))
        silent = asked.form.get("prompt") == "none"
        if (
            person
            or silent
            or not (client and client.row.is_self_registered and error.redirect_uri)
        ):
            raise
        return Question(client, error.redirect_uri, None)
    client, scope, prompt = asked.client, asked.scope, asked.form.get("prompt")
    silent = prompt == "none"
    if person is None:
        if silent:
            server.refuse(asked, LoginRequired(), grant.redirect_uri)
        return Question(client, grant.redirect_uri, None)
    must_ask = (prompt is not None and not silent) or consents.is_asked(
        server.session, client, person, scope, grant.redirect_uri, server.issuer
    )
    if must_ask and silent:
        server.refuse(asked, ConsentRequired(), grant.redirect_uri)
    if must_ask:
        return Question(client, grant.redirect_uri, scope)
    if not server.hold(viewer):
        return _question(server, asked, ANONYMOUS)
    return server.authorize(asked, grant, person)


def _answer(
    server: Server, asked: Asked, viewer: Viewer, allowed: bool, proved: bool, shown: str
) -> str | None:
    """Where to send the browser with the person's answer; None to ask once more before it.

    That is for a fresh proof, or because the application has been registered with something else
    since its page was shown. Raises SignedOut.
    """
    person = viewer.id
    assert person  # noqa: S101 (nobody else is asked)
    grant = server.authorization(asked, person)
    if _registration(asked.client) != shown:
        return None
    if not allowed:
        server.refuse(asked, AccessDeniedError(), grant.redirect_uri)
    if allows_everything(asked.scope) and not proved:
        return None
    if not server.hold(viewer):
        raise SignedOut
    consents.first_of(server.session, asked.client)
    server.note_consent(asked, person)
    if consents.is_kept(grant.redirect_uri):
        consents.keep(server.session, asked.client, person, asked.scope)
    return server.authorize(asked, grant, person)


def _registration(client: Client) -> str:
    """By which one registration of an application is told from those before and after it."""
    return client.row.updated_at.isoformat()


def _place(redirect_uri: str) -> str:
    """Where an address leads, for people."""
    if is_app(redirect_uri):
        return f"the app {redirect_uri.partition(':')[0]} on this device"
    host = urlsplit(redirect_uri).netloc
    return host if consents.is_kept(redirect_uri) else f"a program on this computer ({host})"


def _sign_in(here: str) -> str:
    """The page on which somebody signs in, and then comes back."""
    return f"/sign-in?{urlencode({'next': here})}"


def _see(address: str) -> Response:
    """Have the browser go there with GET, without telling where it comes from.

    The address is sent as it is: Starlette would quote parts of it once more.
    """
    return Response(status_code=303, headers={**HEADERS, "Location": address})
