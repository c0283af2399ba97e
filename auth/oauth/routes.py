"""The routes of the server: pages for people, and endpoints for applications and browsers."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from auth.accounts.mail import Outbox
from auth.credentials import dpop
from auth.credentials.dpop import InvalidProof, Proof
from auth.credentials.identify import NONCE, origin_of
from auth.oauth import credentials, metadata, signing_keys
from auth.oauth.assertions import Assertions
from auth.oauth.authorize import Authorize
from auth.oauth.base_server import NO_STORE
from auth.oauth.bridge import Bridge
from auth.oauth.client_documents import ClientDocuments
from auth.oauth.credentials import ASSERTION
from auth.oauth.fetched import Documents
from auth.oauth.limits import Limits
from auth.oauth.logout import Logout
from auth.oauth.registration import Registrations
from auth.oauth.requests import OAuthRequest, form_of
from auth.oauth.server import Server
from auth.oauth.signing_keys import NoSigningKeyError
from auth.oauth.userinfo import UserInfo
from auth.outbound import Outbound
from auth.settings import AuthSettings
from auth.web.page import SECURE
from db.pool import NOBODY, Database
from db.problem import CODES, Problem
from db.sqlstates import problem_of

METADATA_AGE = "public, max-age=300"
OPEN = {"Access-Control-Allow-Origin": "*"}
"""A page of any site learns nothing here that its application could not: no cookie is read."""

EXPOSED = "DPoP-Nonce, Retry-After, WWW-Authenticate"
PROVED = (metadata.PUSH, metadata.DEVICE, metadata.TOKEN)
"""Endpoints whose codes and tokens are bound to the key of a proof."""
ASKING = (metadata.PUSH, metadata.DEVICE)
"""Endpoints of applications that lead to a page for consent."""

Work = Callable[[Server, OAuthRequest], Response]
Handler = Callable[[Request], Awaitable[Response]]


def routes(
    database: Database,
    settings: AuthSettings,
    outbox: Outbox,
    outbound: Outbound | None = None,
) -> list[Route]:
    """Return every endpoint, to be served at the root of the site.

    `outbound` are the requests to addresses that applications name, by default on public servers.
    """
    bridge, documents = Bridge(database, settings, outbox), Documents(outbound or Outbound())
    clients = ClientDocuments(database, settings, documents)
    assertions = Assertions(database, settings, documents)
    registrations = Registrations(database, settings)

    def endpoint(path: str, work: Work) -> Route:
        return Route(path, Endpoint(["POST"], _answering(bridge, clients, assertions, path, work)))

    def document(path: str, content: dict[str, Any]) -> Route:
        async def show(_: Request) -> Response:
            return JSONResponse(content, headers={"Cache-Control": METADATA_AGE})

        return Route(path, Endpoint(["GET", "HEAD"], show))

    async def show_keys(_: Request) -> Response:
        await signing_keys.require(database, settings)
        async with database.auth.lend(NOBODY) as lent:
            keys = await signing_keys.published(lent)
        return JSONResponse(keys, headers={"Cache-Control": METADATA_AGE})

    return [
        Route(metadata.REGISTER, Endpoint(["POST"], _telling(registrations.create))),
        Route(
            f"{metadata.REGISTER}/{{client_id}}",
            Endpoint(["GET", "PUT", "DELETE"], _telling(registrations.manage)),
        ),
        Route(metadata.AUTHORIZE, Authorize(bridge, clients).__call__, methods=["GET", "POST"]),
        endpoint(
            metadata.PUSH,
            lambda server, oauth_request: server.create_endpoint_response(
                "pushed_authorization_request", oauth_request
            ),
        ),
        endpoint(
            metadata.DEVICE,
            lambda server, oauth_request: server.create_endpoint_response(
                "device_authorization", oauth_request
            ),
        ),
        endpoint(
            metadata.TOKEN,
            lambda server, oauth_request: server.create_token_response(oauth_request),
        ),
        endpoint(
            metadata.REVOKE,
            lambda server, oauth_request: server.create_endpoint_response(
                "revocation", oauth_request
            ),
        ),
        endpoint(
            metadata.INTROSPECT,
            lambda server, oauth_request: server.create_endpoint_response(
                "introspection", oauth_request
            ),
        ),
        Route(metadata.JWKS, Endpoint(["GET", "HEAD"], show_keys)),
        Route(
            metadata.USERINFO,
            Endpoint(["GET", "POST"], _telling(UserInfo(database, settings).__call__)),
        ),
        Route(metadata.LOGOUT, Logout(bridge).__call__, methods=["GET", "POST"]),
        document(metadata.SERVER, metadata.of_server(settings)),
        document(metadata.OPENID, metadata.of_server(settings)),
        document(metadata.API, metadata.of_api(settings)),
    ]


class Endpoint:
    """An ASGI application for these methods, which scripts of any site may call without cookies."""

    def __init__(self, methods: Iterable[str], handler: Handler) -> None:
        self._methods, self._handler = list(methods), handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        response = await self._respond(request)
        response.headers.update(OPEN)
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
        app: ASGIApp = response
        await app(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            headers = {
                "Access-Control-Allow-Methods": ", ".join(self._methods),
                "Access-Control-Allow-Headers": "Authorization, Content-Type, DPoP",
                "Access-Control-Max-Age": "600",
            }
            return Response(status_code=204, headers=headers)
        if request.method not in self._methods:
            allow = {"Allow": ", ".join(self._methods), **NO_STORE}
            problem = {"error": "invalid_request", "error_description": "Use another method."}
            return JSONResponse(problem, 405, allow)
        return await self._handler(request)


def _answering(
    bridge: Bridge, clients: ClientDocuments, assertions: Assertions, path: str, work: Work
) -> Handler:
    """Return the handler of an endpoint that applications send forms to."""

    async def answer(request: Request) -> Response:
        if len(request.headers.getlist("authorization")) > 1:
            raise InvalidRequestError("The client authenticates in more than one way.")
        pairs = await form_of(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        oauth_request = OAuthRequest("POST", bridge.settings.url + path, headers, pairs)
        origin = origin_of(request)
        client_id = credentials.claimed(oauth_request)
        secret = credentials.presented_secret(oauth_request)
        if path in ASKING:
            await clients.require(client_id, origin)
        # Before the turn: it may wait for a server of the application.
        oauth_request.asserted = await assertions.authenticated(oauth_request)
        asserted = ASSERTION in oauth_request.form or None
        limits = Limits(
            bridge.database,
            bridge.settings,
            client_id,
            origin.ip_address,
            secret,
            asserted=asserted and oauth_request.asserted is not None,
        )
        async with bridge.turn():
            await limits.admit()
            if path in PROVED:
                oauth_request.proof = await _proof(bridge, request, oauth_request)
            try:
                response = await bridge.run(lambda server: work(server, oauth_request), origin)
            except NoSigningKeyError:  # nothing is committed
                await signing_keys.require(bridge.database, bridge.settings)
                response = await bridge.run(lambda server: work(server, oauth_request), origin)
            if response.status_code == CODES["UNAUTHENTICATED"].status:
                await limits.failed()
        if oauth_request.proof and oauth_request.proof.nonce:
            response.headers[NONCE] = oauth_request.proof.nonce
        return response

    return _telling(answer)


async def _proof(bridge: Bridge, request: Request, oauth_request: OAuthRequest) -> Proof | None:
    """Return the proof of a key, recorded as used; None when there is none.

    Raises InvalidProof (RFC 9449, section 5).
    """
    proofs = request.headers.getlist("dpop")
    if not proofs:
        return None
    proof = dpop.verify(proofs, oauth_request.method, oauth_request.uri, bridge.settings)
    async with bridge.database.auth.lend(NOBODY) as lent:
        await dpop.remember(lent, proof)
    return proof


def _telling(handler: Handler) -> Handler:
    """Return the handler with OAuth errors in place of its and the database's exceptions."""

    async def answer(request: Request) -> Response:
        try:
            response = await handler(request)
        except OAuth2Error as error:
            status, body, headers = error(None)
            response = JSONResponse(body, status, dict(headers))
        except InvalidProof as refused:
            body = {"error": refused.error, "error_description": refused.description}
            response = JSONResponse(body, 400, {NONCE: refused.nonce} if refused.nonce else {})
        except Problem as problem:
            response = _unavailable(problem)
        except Exception as error:
            if (known := problem_of(error)) is None:
                raise
            response = _unavailable(known)
        response.headers.update({**SECURE, **NO_STORE})
        return response

    return answer


def _unavailable(problem: Problem) -> Response:
    """Return a response to try again: there are too many requests, or the database is busy."""
    body = {"error": "temporarily_unavailable", "error_description": problem.message}
    retry = str(problem.extensions.get("retryAfter", 1))
    return JSONResponse(body, CODES[problem.code].status, {"Retry-After": retry})
