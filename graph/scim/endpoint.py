"""The endpoint of SCIM: /scim/v2, for a bearer token that administers one organization."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from uuid import UUID

import structlog
from pydantic import ValidationError
from scim2_models import (
    Error,
    ForbiddenException,
    SCIMException,
    UnauthorizedException,
)
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService, scim_exception_of
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from auth.credentials.identify import InvalidToken, identify, origin_of
from auth.credentials.viewer_cache import ViewerCache
from auth.policy import reaches
from auth.policy.scope_names import SCIM
from auth.session import ViewerSession
from auth.viewer import Place, Role, Viewer
from db.pool import Database
from db.problem import CODES, Problem
from graph.http.operation.deadline import Disconnected
from graph.http.operation.errors import Refusal, Reporter
from graph.http.operation.params import read_body
from graph.http.operation.rate_limits import RateLimits
from graph.http.request.access_log import CLIENT_GONE
from graph.scim.bridge import Bridge
from graph.scim.bulk import Handler
from graph.scim.filters import expressions_in, require_bounded
from graph.scim.resources import provider
from graph.scim.storage import Storage
from graph.settings import Settings

log = structlog.get_logger(__name__)

PATH = "/scim/v2"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
THREADS, MAX_WAITING = 2, 32
"""Requests that are handled and that wait, at most; further ones are refused as BUSY."""
COST = 1
"""The cost of a request against the rate of its viewer, and of each kilobyte of its body."""


class Endpoint:
    """The routes of SCIM.

    Resources are validated and patched in threads, as large groups take long.
    """

    def __init__(
        self, database: Database, settings: Settings, viewers: ViewerCache, rates: RateLimits
    ) -> None:
        self._database, self._settings = database, settings
        self._viewers, self._rates = viewers, rates
        self._service = ScimService(provider(settings.body_limit))
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="scim")
        self._running = 0

    def routes(self) -> list[BaseRoute]:
        """Return the routes beneath /scim/v2."""
        return [Route(f"{PATH}{{path:path}}", self.answer, methods=METHODS)]

    async def answer(self, request: Request) -> Response:
        """Answer one request, valid or not."""
        try:
            response = await self._handle(request)
        except Disconnected:
            return Response(status_code=CLIENT_GONE)
        except ValidationError as error:
            response = self._service.error_response(scim_exception_of(error))
        except SCIMException as error:
            response = self._service.error_response(error)
        except Exception as error:  # noqa: BLE001 (reported, and masked)
            return _refused(Reporter(request.state.request_id).of_exception(error))
        if response.body is None:
            headers = {k: v for k, v in response.headers.items() if k != "Content-Type"}
            return Response(status_code=response.status, headers=headers)
        return JSONResponse(response.body, response.status, response.headers)

    async def _handle(self, request: Request) -> ScimResponse:
        if "authorization" not in request.headers:
            raise UnauthorizedException(detail="Send an API key or access token as a bearer token.")
        viewer = await identify(request, self._database, self._settings, self._viewers)
        viewer, organization_id = administrator(viewer)
        length = request.headers.get("content-length")
        shown = length.encode("latin-1") if length else None
        body = await read_body(shown, request.receive, self._settings.body_limit)
        origin = origin_of(request)
        self._rates.spend(viewer, origin.ip_address, COST + len(body) // 1000)
        session = ViewerSession(self._database, viewer, origin)
        approves = self._settings.signing_up == "open"
        storage = Storage(session, organization_id, approves=approves)
        if self._running >= THREADS + MAX_WAITING:
            raise Problem("BUSY", "Too many provisioning requests at once.")
        self._running += 1
        try:
            loop = asyncio.get_running_loop()
            handle = partial(self._in_thread, request, body, Bridge(storage, loop))
            return await loop.run_in_executor(self._threads, handle)
        finally:
            self._running -= 1

    def _in_thread(self, request: Request, body: bytes, storage: Bridge) -> ScimResponse:
        query = dict(request.query_params)
        for text in (*query.values(), *expressions_in(body)):
            require_bounded(text)
        asked = ScimRequest(
            request.method,
            f"{self._settings.url}{PATH}",
            request.path_params["path"] or "/",
            query,
            dict(request.headers),
            body,
        )
        return Handler(self._service, storage).handle(asked)


def administrator(viewer: Viewer) -> tuple[Viewer, UUID]:
    """Return the viewer in the one organization that they administer, and its ID.

    They reach nothing else, and of it what the scope opens. Raises UnauthorizedException, and
    ForbiddenException without the scope, and unless there is exactly one such organization.
    """
    if viewer.id is None or viewer.shared is not None:
        raise UnauthorizedException(detail="The token is not valid here.")
    if not reaches(viewer, SCIM):
        raise ForbiddenException(detail=f"The token lacks the scope {SCIM}.")
    found = [id for id in viewer.scopes_with(Role.ADMIN) if id in viewer.organizations]
    if len(found) != 1:
        message = "The token must be for one organization, which it administers."
        raise ForbiddenException(detail=message)
    (id,) = found
    narrowed = replace(
        viewer,
        grants=MappingProxyType({id: viewer.grants[id]}),
        organizations=frozenset(found),
        places=MappingProxyType({id: Place("organization_id")}),
        public_projects=frozenset(),
        public_tenants=frozenset(),
        by_visibility=frozenset(),
        scopes=frozenset({"organizations:write"}),
    )
    return narrowed, id


def _refused(problem: Problem) -> Response:
    """Return the answer to a request that has not reached a resource."""
    status = problem.status if isinstance(problem, Refusal) else CODES[problem.code].status
    headers = {"Content-Type": "application/scim+json"}
    if isinstance(problem, InvalidToken | Refusal):
        headers |= problem.headers
    if CODES[problem.code].retryable:
        headers["Retry-After"] = str(problem.extensions.get("retryAfter", 1))
    return JSONResponse(Error(status=status, detail=problem.message).model_dump(), status, headers)
