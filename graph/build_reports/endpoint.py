"""POST /build-reports: a report of a build server, as a form with files (RFC 7578)."""

import asyncio
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from auth.credentials.identify import InvalidToken, identify, origin_of
from auth.credentials.viewer_cache import ViewerCache
from auth.session import ViewerSession
from auth.web.multipart import FORM, parsed_files
from db.delivery.testing import FeatureTestOutcome
from db.pool import Database
from db.problem import CODES, Problem
from graph.delivery.reports.reading import Sent, read_report
from graph.delivery.reports.recording import Outcome, record_report
from graph.delivery.reports.report import Report
from graph.http.operation.deadline import Disconnected
from graph.http.operation.errors import Refusal, Reporter, described
from graph.http.operation.params import read_body
from graph.http.operation.rate_limits import RateLimits
from graph.http.request.access_log import CLIENT_GONE
from graph.kit.mutations import name_fields
from graph.settings import Settings

PATH = "/build-reports"
MAX_BYTES = 20_000_000
"""Bytes of a report, at most."""
READING, WAITING = 2, 32
"""Reports that are read at once, and those that are received, wait or are recorded, at most."""
COST = 10
"""The cost of a report against the rate of its viewer, and one for each kilobyte."""
OK, CREATED = 200, 201


class Endpoint:
    """The route of reports. Files are read in threads, as their libraries take long."""

    def __init__(
        self, database: Database, settings: Settings, viewers: ViewerCache, rates: RateLimits
    ) -> None:
        self._database, self._settings = database, settings
        self._viewers, self._rates = viewers, rates
        self._reading = asyncio.Semaphore(READING)
        self._running = 0

    def routes(self) -> list[BaseRoute]:
        """Return the route."""
        return [Route(PATH, self.answer, methods=["POST"])]

    async def answer(self, request: Request) -> Response:
        """Answer one request, valid or not."""
        try:
            outcome = await self._take(request)
        except Disconnected:
            return Response(status_code=CLIENT_GONE)
        except Exception as error:  # noqa: BLE001 (reported, and masked)
            return _refused(Reporter(request.state.request_id).of_exception(error))
        return JSONResponse(_told(outcome), OK if outcome.repeated else CREATED)

    async def _take(self, request: Request) -> Outcome:
        if "authorization" not in request.headers:  # a cookie would let other sites' pages send one
            raise Problem("UNAUTHENTICATED", "Send an API key or access token as a bearer token.")
        viewer = await identify(request, self._database, self._settings, self._viewers)
        if viewer.id is None or viewer.shared is not None:
            raise Problem("UNAUTHENTICATED", "Send an API key or access token as a bearer token.")
        if self._running >= WAITING:
            raise Problem("BUSY", "Too many reports at once.")
        self._running += 1
        try:
            origin = origin_of(request)
            boundary = _boundary_of(request)
            length = request.headers.get("content-length")
            shown = length.encode("latin-1") if length else None
            body = await read_body(shown, request.receive, MAX_BYTES)
            self._rates.spend(viewer, origin.ip_address, COST + len(body) // 1000)
            async with self._reading:
                report = await asyncio.to_thread(_read, body, boundary)
            del body
            return await record_report(ViewerSession(self._database, viewer, origin), report)
        finally:
            self._running -= 1


def _boundary_of(request: Request) -> bytes:
    kind, parameters = parse_options_header(request.headers.get("content-type"))
    boundary = parameters.get(b"boundary")
    if kind.lower() != FORM.encode() or not boundary:
        raise Problem("BAD_REQUEST", f"Reports are sent as {FORM}.")
    return boundary


def _read(body: bytes, boundary: bytes) -> Report:
    fields, files = parsed_files(body, boundary)
    return read_report(fields, [Sent(name, upload.content) for name, upload in files])


def _told(outcome: Outcome) -> dict[str, Any]:
    """Return the outcome as JSON."""
    build, found = outcome.build, outcome.scanned
    defects = outcome.defects
    return {
        "build": {
            "id": str(build.id),
            "buildNumber": build.build_number,
            "status": build.status.name,
            "securityScanStatus": build.security_scan_status.name,
        },
        "repeated": outcome.repeated,
        "results": {one.name.lower(): outcome.results.get(one, 0) for one in FeatureTestOutcome},
        "tests": {
            "created": outcome.tests_created,
            "unknown": outcome.unknown,
            "unassigned": outcome.unassigned,
        },
        "vulnerabilities": {
            "created": found.created if found else 0,
            "known": found.known if found else 0,
            "reopened": found.reopened if found else 0,
        },
        "defects": {
            "opened": defects.opened,
            "updated": defects.updated,
            "resolutionProposed": defects.proposed,
            "flaky": defects.flaky,
        },
        "notes": outcome.notes,
    }


def _refused(problem: Problem) -> Response:
    status = problem.status if isinstance(problem, Refusal) else CODES[problem.code].status
    headers = dict(problem.headers) if isinstance(problem, InvalidToken | Refusal) else {}
    if CODES[problem.code].retryable:
        headers["Retry-After"] = str(problem.extensions.get("retryAfter", 1))
    name_fields(problem, (), None)
    return JSONResponse({"errors": [described(problem)]}, status, headers)
