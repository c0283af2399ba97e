"""Pushed authorization requests (RFC 9126): the browser carries only the name of a request.

A request belongs to the first browser that brings its name: anybody else who has seen the name on
its way can do nothing with it. That browser may come again, from signing in, with another tab or
after a reload, until the application has been answered; then the request is used up.
"""

import hmac
from datetime import timedelta
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc6749.endpoint import Endpoint
from sqlalchemy import func, or_, select

from auth.events import Event
from auth.oauth.base_server import BaseServer
from auth.oauth.credentials import METHODS
from auth.oauth.requests import OAuthRequest, Pairs, is_clean
from auth.oauth.token_families import digest_of
from auth.secret import fresh, is_secret
from db.change import AuditEventType
from db.core.oauth import OAuthPushedRequest
from db.traits import ResourceType

REQUEST_URI = "request_uri"
URN = "urn:ietf:params:oauth:request_uri:"
LIFETIME = timedelta(seconds=90)
"""The time in which a browser must bring the name of a request."""
OPEN_FOR = timedelta(hours=1)
"""The time that its person then has to sign in and to decide."""
DOUBLE_CLICK = timedelta(seconds=10)
"""The time after an answer in which its form may be sent again, such as by a double click."""
CREDENTIALS = ("client_secret", "client_assertion", "client_assertion_type")

NOT_KNOWN = "The request is unknown, has been answered, or has expired. Start over."


class PushedRequests(Endpoint):  # type: ignore[misc] # Authlib has no types
    """The endpoint that stores them (RFC 9126, section 2)."""

    ENDPOINT_NAME = "pushed_authorization_request"

    server: BaseServer

    def create_endpoint_response(
        self, request: OAuthRequest
    ) -> tuple[int, dict[str, Any], list[Any]]:
        """Store the request, validated as at the authorization endpoint, and return its name.

        Raises OAuth2Error, with the errors of both endpoints, and never with a redirect URI.
        """
        client = self.server.authenticate_client(request, METHODS, self.ENDPOINT_NAME)
        if REQUEST_URI in request.payload.datalist:
            raise InvalidRequestError("request_uri cannot be pushed.")
        _bind(request)
        name = fresh()
        row = request.pushed = OAuthPushedRequest(
            request_uri=digest_of(name),
            client_id=client.client_id,
            parameters=_to_keep(request),
            expires_at=func.now() + LIFETIME,
        )
        try:
            self.server.authorization(request, None)
        except OAuth2Error as error:
            error.redirect_uri = error.state = None
            raise
        self.server.session.add(row)
        self.server.events.append(
            Event(
                entity_type="OAuthPushedRequest",
                entity_id=row.id,
                action="push",
                type=AuditEventType.ADMINISTRATION,
                description="Application pushed a request for a code.",
                resource=ResourceType.OAUTH_CLIENT,
                client_id=row.client_id,
            )
        )
        seconds = int(LIFETIME.total_seconds())
        return 201, {"request_uri": f"{URN}{name}", "expires_in": seconds}, []


def opened(
    server: BaseServer, oauth_request: OAuthRequest, browser: str, again: timedelta | None = None
) -> OAuthRequest:
    """Return the pushed request that this one names, locked; other parameters are ignored.

    A request that names none is returned as it is. `browser` is a secret of the requesting browser.
    Answered requests are refused, except for so long `again`. Raises InvalidRequestError, the same
    for all that cannot be opened, for a page.
    """
    if REQUEST_URI not in oauth_request.payload.datalist:
        return oauth_request
    uri = oauth_request.payload.only(REQUEST_URI) or ""
    name = uri.removeprefix(URN)
    row = _locked(server, name, again) if uri == URN + name and is_secret(name) else None
    here = digest_of(browser)
    if (
        row is None
        or row.client_id != oauth_request.payload.only("client_id")
        or (row.browser is not None and not hmac.compare_digest(row.browser, here))
    ):
        raise InvalidRequestError(NOT_KNOWN)
    if row.browser is None:
        row.browser, row.expires_at = here, func.now() + OPEN_FOR
    pairs = [(parameter, value) for parameter, value in row.parameters]
    named = OAuthRequest(oauth_request.method, oauth_request.uri, {}, pairs)
    named.pushed = row
    return named


def only_name(pairs: Pairs) -> Pairs:
    """Return the client id and the name where a query names a pushed request; else all of it."""
    if any(name == REQUEST_URI and value for name, value in pairs):
        return [pair for pair in pairs if pair[0] in ("client_id", REQUEST_URI)]
    return pairs


def _locked(server: BaseServer, name: str, again: timedelta | None) -> OAuthPushedRequest | None:
    unused, used_at = OAuthPushedRequest.used_at.is_(None), OAuthPushedRequest.used_at
    statement = select(OAuthPushedRequest).where(
        OAuthPushedRequest.request_uri == digest_of(name),
        OAuthPushedRequest.expires_at > func.now(),
        unused if again is None else or_(unused, used_at > func.now() - again),
    )
    return server.session.scalar(statement.with_for_update())


def _bind(request: OAuthRequest) -> None:
    """Bind the future code to the key of the application's proof (RFC 9449, section 10.1)."""
    if request.key is None:
        return
    if request.form.setdefault("dpop_jkt", request.key) != request.key:
        raise InvalidRequestError("dpop_jkt is not the thumbprint of the proof's key.")
    request.payload.datalist["dpop_jkt"] = [request.key]


def _to_keep(request: OAuthRequest) -> list[list[str]]:
    """Return the parameters without the application's own secrets and without invalid names."""
    return [
        [name, value]
        for name, values in request.payload.datalist.items()
        for value in values
        if name not in CREDENTIALS and is_clean(name)
    ]
