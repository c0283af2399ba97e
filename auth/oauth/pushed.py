"""Requests for a code that applications push beforehand (RFC 9126), so that browsers carry a name.

A request belongs to the first browser that brings its name: whoever else has seen the name on its
way can do nothing with it. That browser may come again, from signing in, with another tab or after
a reload, until the application has been answered; then the request is used up.
"""

import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc6749.endpoint import Endpoint
from sqlalchemy import func, or_, select

from auth.events import Event
from auth.oauth.credentials import METHODS
from auth.oauth.families import kept
from auth.oauth.requests import Asked, Pairs, is_clean
from auth.secret import fresh, is_secret
from db.change import AuditEventType, ResourceType
from db.core.oauth import OAuthPushedRequest

if TYPE_CHECKING:
    from auth.oauth.server import Server

REQUEST_URI = "request_uri"
URN = "urn:ietf:params:oauth:request_uri:"
LIFETIME = timedelta(seconds=90)
"""So long a browser has to come with the name of a request."""
OPEN_FOR = timedelta(hours=1)
"""So long its person then has to sign in and to make up their mind."""
DOUBLE_CLICK = timedelta(seconds=10)
"""So long after an answer the same button may be pressed once more: a browser shows the last."""
CREDENTIALS = ("client_secret", "client_assertion", "client_assertion_type")

NOT_KNOWN = "The request is not known here, has been answered, or has come too late. Start again."


class PushedRequests(Endpoint):  # type: ignore[misc] # Authlib has no types
    """The endpoint that takes them in (RFC 9126, section 2)."""

    ENDPOINT_NAME = "pushed_authorization_request"

    server: "Server"

    def create_endpoint_response(self, request: Asked) -> tuple[int, dict[str, Any], list[Any]]:
        """A name for the request, which is as good as one at the authorization endpoint.

        Raises OAuth2Error, with the errors of both endpoints, and never with a place to send it.
        """
        client = self.server.authenticate_client(request, METHODS, self.ENDPOINT_NAME)
        if REQUEST_URI in request.payload.datalist:
            raise InvalidRequestError("request_uri cannot be pushed.")
        _bind(request)
        name = fresh()
        row = request.pushed = OAuthPushedRequest(
            request_uri=kept(name),
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


def opened(server: "Server", asked: Asked, browser: str, again: timedelta | None = None) -> Asked:
    """The request that this one names, locked, with nothing of what else stands in this one.

    One that names none comes back as it is. `browser` is a secret of the browser that asks.
    Answered requests are refused, except for so long `again`. Raises InvalidRequestError, the same
    for all that cannot be opened, for a page.
    """
    if REQUEST_URI not in asked.payload.datalist:
        return asked
    uri = asked.payload.only(REQUEST_URI) or ""
    name = uri.removeprefix(URN)
    row = _locked(server, name, again) if uri == URN + name and is_secret(name) else None
    here = kept(browser)
    if (
        row is None
        or row.client_id != asked.payload.only("client_id")
        or (row.browser is not None and not hmac.compare_digest(row.browser, here))
    ):
        raise InvalidRequestError(NOT_KNOWN)
    if row.browser is None:
        row.browser, row.expires_at = here, func.now() + OPEN_FOR
    pairs = [(parameter, value) for parameter, value in row.parameters]
    named = Asked(asked.method, asked.uri, {}, pairs)
    named.pushed = row
    return named


def only_name(pairs: Pairs) -> Pairs:
    """What counts of a query that names a pushed request; of any other, all of it."""
    if any(name == REQUEST_URI and value for name, value in pairs):
        return [pair for pair in pairs if pair[0] in ("client_id", REQUEST_URI)]
    return pairs


def _locked(server: "Server", name: str, again: timedelta | None) -> OAuthPushedRequest | None:
    unused, used_at = OAuthPushedRequest.used_at.is_(None), OAuthPushedRequest.used_at
    statement = select(OAuthPushedRequest).where(
        OAuthPushedRequest.request_uri == kept(name),
        OAuthPushedRequest.expires_at > func.now(),
        unused if again is None else or_(unused, used_at > func.now() - again),
    )
    return server.session.scalar(statement.with_for_update())


def _bind(request: Asked) -> None:
    """Bind the code to come to the key that the application has proved to hold (RFC 9449, 10.1)."""
    if request.key is None:
        return
    if request.form.setdefault("dpop_jkt", request.key) != request.key:
        raise InvalidRequestError("dpop_jkt is not the thumbprint of the proof's key.")
    request.payload.datalist["dpop_jkt"] = [request.key]


def _to_keep(request: Asked) -> list[list[str]]:
    """The parameters without the application's own secrets, and without what no name can be."""
    return [
        [name, value]
        for name, values in request.payload.datalist.items()
        for value in values
        if name not in CREDENTIALS and is_clean(name)
    ]
