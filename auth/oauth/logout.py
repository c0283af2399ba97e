"""Signing out at the request of an application (OpenID Connect RP-Initiated Logout).

An ID token of the person who is signed in proves that the request is theirs. Without one they are
asked, or any site could sign people out.
"""

from typing import NamedTuple
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from starlette.requests import Request
from starlette.responses import Response

from auth.accounts.sso.flow import SingleSignOn
from auth.credentials import cookies
from auth.credentials.identify import identify_session, origin_of
from auth.oauth import id_tokens
from auth.oauth.authorize import HEADERS, MAX_FIELDS
from auth.oauth.bridge import Bridge
from auth.oauth.id_tokens import InvalidIdTokenError
from auth.oauth.metadata import LOGOUT
from auth.oauth.requests import OAuthRequest, Pairs, query_of
from auth.oauth.server import Server
from auth.web import csrf
from auth.web.forms import fields_of, read_pairs
from auth.web.page import SECURE, page
from auth.web.sign_out import sign_out

OF_THE_PAGE = {"csrf_token", "decision"}


class Wanted(NamedTuple):
    """A valid request: the person of its ID token, the address to go to, and the application."""

    subject: UUID | None
    target: str | None
    name: str | None


class Logout:
    """The endpoint, for one database and one set of settings."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge, self._settings = bridge, bridge.settings
        self._sso = SingleSignOn.of(bridge.database, bridge.settings, bridge.outbox)

    async def __call__(self, request: Request) -> Response:
        """Sign out and return to the application, or ask; an invalid request is a page."""
        try:
            if request.method == "POST":
                return await self._post(request)
            return await self._ask(request, query_of(request.scope["query_string"]))
        except OAuth2Error as error:
            return page("oauth_refusal.html", 400, refusal=error.get_error_description())

    async def _post(self, request: Request) -> Response:
        pairs = await read_pairs(request, MAX_FIELDS)
        if OF_THE_PAGE & dict(pairs).keys():
            return await self._decided(request, fields_of(pairs))
        # An application's request by POST; a browser has sent no session along with it.
        return Response(
            status_code=303, headers={**HEADERS, "Location": f"{LOGOUT}?{urlencode(pairs)}"}
        )

    async def _ask(self, request: Request, pairs: Pairs) -> Response:
        wanted = await self._wanted(request, pairs)
        secret = cookies.read(request, self._settings, cookies.SESSION)
        viewer = await identify_session(secret, self._bridge.database, self._settings)
        if viewer.id is None or viewer.id == wanted.subject:
            return await self._sign_out(request, wanted)
        query = urlencode(pairs)
        return page(
            "oauth_logout.html",
            next=f"{LOGOUT}?{query}",
            application=wanted.target or "",
            name=wanted.name,
            email=viewer.email,
            request=query,
            csrf_token=csrf.token(self._settings, f"{secret}\0{query}"),
        )

    async def _decided(self, request: Request, form: dict[str, str]) -> Response:
        """Process the answer of the page, from this session."""
        query = form.get("request", "")
        secret = cookies.read(request, self._settings, cookies.SESSION)
        if not csrf.from_here(request, self._settings) or not csrf.proves(
            self._settings, form.get("csrf_token", ""), f"{secret}\0{query}" if secret else ""
        ):
            return page("oauth_expired.html", 403, again=f"{LOGOUT}?{query}")
        wanted = await self._wanted(request, query_of(query.encode()))
        if form.get("decision") != "sign_out":
            return Response(status_code=303, headers={**SECURE, "Location": "/"})
        return await self._sign_out(request, wanted._replace(subject=UUID(int=0)))

    async def _sign_out(self, request: Request, wanted: Wanted) -> Response:
        """End the session, if there is one; return to an address that somebody has asked for."""
        if wanted.target and wanted.subject:
            response = Response(status_code=303, headers={**HEADERS, "Location": wanted.target})
        else:
            place = urlsplit(wanted.target).netloc if wanted.target else None
            response = page("oauth_logged_out.html", target=wanted.target, place=place)
        return await sign_out(self._sso, request, wanted.target or "/", response)

    async def _wanted(self, request: Request, pairs: Pairs) -> Wanted:
        oauth_request = OAuthRequest("GET", self._settings.url + LOGOUT, {}, pairs)
        return await self._bridge.run(
            lambda server: _checked(server, oauth_request), origin_of(request)
        )


def _checked(server: Server, oauth_request: OAuthRequest) -> Wanted:
    """Return the request. Raises InvalidRequestError; nobody is redirected by an invalid one."""
    oauth_request.payload.require_clean()
    form, subject = oauth_request.form, None
    client_id = form.get("client_id")
    if hint := form.get("id_token_hint"):
        try:
            subject, client_id = id_tokens.subject_of(
                server.session, server.settings, hint, client_id
            )
        except InvalidIdTokenError:
            message = "id_token_hint is no ID token that was issued to this client."
            raise InvalidRequestError(message) from None
    client = server.query_client(client_id)
    target = form.get("post_logout_redirect_uri")
    if target is None:
        return Wanted(subject, None, client.row.client_name if client else None)
    if client is None:
        raise InvalidRequestError("post_logout_redirect_uri needs id_token_hint or client_id.")
    if target not in client.post_logout_redirect_uris:
        message = "post_logout_redirect_uri is not registered for this client."
        raise InvalidRequestError(message)
    if state := form.get("state"):
        sign = "&" if "?" in target else "?"
        target = f"{target}{sign}{urlencode({'state': state})}"
    return Wanted(subject, target, client.row.client_name)
