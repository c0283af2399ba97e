"""The routes of the server: what people see, and what applications call, also from browsers."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from auth import dpop
from auth.dpop import InvalidProof, Proof
from auth.identify import NONCE, origin_of
from auth.mail import Outbox
from auth.oauth import credentials, metadata
from auth.oauth.authorize import Authorize
from auth.oauth.limits import Limits
from auth.oauth.registration import Registrations
from auth.oauth.requests import Asked, form_of
from auth.oauth.server import NO_STORE, Bridge, Server
from auth.pages.page import SECURE
from auth.settings import AuthSettings
from db.pool import NOBODY, Database
from db.problem import CODES, Problem

METADATA_AGE = "public, max-age=300"
OPEN = {"Access-Control-Allow-Origin": "*"}
"""Whichever page asks learns nothing that its own application could not: no cookie is looked at."""

EXPOSED = "DPoP-Nonce, Retry-After, WWW-Authenticate"
PROVED = (metadata.PUSH, metadata.DEVICE, metadata.TOKEN)
"""Where something is bound to the key that a proof is of."""

Work = Callable[[Server, Asked], Response]
Handler = Callable[[Request], Awaitable[Response]]


def routes(database: Database, settings: AuthSettings, outbox: Outbox) -> list[Route]:
    """Every endpoint, to be served at the root of the site."""
    bridge = Bridge(database, settings, outbox)
    registrations = Registrations(database, settings)

    def endpoint(path: str, work: Work) -> Route:
        return Route(path, Endpoint(["POST"], _answering(bridge, path, work)))

    def document(path: str, content: dict[str, Any]) -> Route:
        async def show(_: Request) -> Response:
            return JSONResponse(content, headers={"Cache-Control": METADATA_AGE})

        return Route(path, Endpoint(["GET", "HEAD"], show))

    return [
        Route(metadata.REGISTER, Endpoint(["POST"], _telling(registrations.create))),
        Route(
            f"{metadata.REGISTER}/{{client_id}}",
            Endpoint(["GET", "PUT", "DELETE"], _telling(registrations.manage)),
        ),
        Route(metadata.AUTHORIZE, Authorize(bridge).__call__, methods=["GET", "POST"]),
        endpoint(
            metadata.PUSH,
            lambda server, asked: server.create_endpoint_response(
                "pushed_authorization_request", asked
            ),
        ),
        endpoint(
            metadata.DEVICE,
            lambda server, asked: server.create_endpoint_response("device_authorization", asked),
        ),
        endpoint(metadata.TOKEN, lambda server, asked: server.create_token_response(asked)),
        endpoint(
            metadata.REVOKE,
            lambda server, asked: server.create_endpoint_response("revocation", asked),
        ),
        endpoint(
            metadata.INTROSPECT,
            lambda server, asked: server.create_endpoint_response("introspection", asked),
        ),
        document(metadata.SERVER, metadata.of_server(settings)),
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


def _answering(bridge: Bridge, path: str, work: Work) -> Handler:
    """The handler of an endpoint that applications send forms to."""

    async def answer(request: Request) -> Response:
        if len(request.headers.getlist("authorization")) > 1:
            raise InvalidRequestError("The client authenticates in more than one way.")
        pairs = await form_of(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked("POST", bridge.settings.url + path, headers, pairs)
        origin = origin_of(request)
        client_id = credentials.claimed(asked)
        limits = Limits(bridge.database, bridge.settings, client_id, origin.ip_address)
        await limits.admit()
        if path in PROVED:
            asked.proof = await _proof(bridge, request, asked)
        response = await bridge.run(lambda server: work(server, asked), origin)
        if response.status_code == CODES["UNAUTHENTICATED"].status:
            await limits.failed()
        if asked.proof and asked.proof.nonce:
            response.headers[NONCE] = asked.proof.nonce
        return response

    return _telling(answer)


async def _proof(bridge: Bridge, request: Request, asked: Asked) -> Proof | None:
    """The proof of a key that something is to be bound to, used up; None where there is none.

    Raises InvalidProof (RFC 9449, section 5).
    """
    proofs = request.headers.getlist("dpop")
    if not proofs:
        return None
    proof = dpop.verify(proofs, asked.method, asked.uri, bridge.settings)
    async with bridge.database.auth.lend(NOBODY) as lent:
        await dpop.remember(lent, proof)
    return proof


def _telling(handler: Handler) -> Handler:
    """The handler, with an answer of OAuth in place of what it raises."""

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
        response.headers.update({**SECURE, **NO_STORE})
        return response

    return answer


def _unavailable(problem: Problem) -> Response:
    """Too many requests, or too busy a database: the application is to try again."""
    body = {"error": "temporarily_unavailable", "error_description": problem.message}
    retry = str(problem.extensions.get("retryAfter", 1))
    return JSONResponse(body, CODES[problem.code].status, {"Retry-After": retry})
