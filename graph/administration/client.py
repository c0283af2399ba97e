"""Runs operations of the API for pages, with the rules, limits and errors of requests."""

from collections.abc import Callable
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request

from auth.credentials.credential_lock import CredentialEnded
from auth.credentials.identify import origin_of
from auth.origin import Origin
from auth.viewer import Viewer
from auth.web.site import RedirectTo, proof_path
from db.problem import Problem
from graph.http.operation.answer import Answer
from graph.http.operation.errors import Error
from graph.http.operation.idempotency import MARK
from graph.http.operation.negotiate import GRAPHQL
from graph.http.operation.operations import NotRun, OperationRequest, Operations
from graph.http.operation.params import Params
from graph.kit.context import Context

MakeContext = Callable[[Viewer, Origin], Context]


class ApiClient:
    """Runs operations as the person who is signed in."""

    def __init__(self, operations: Operations, make_context: MakeContext) -> None:
        self._operations, self._make_context = operations, make_context

    async def run(
        self, request: Request, viewer: Viewer, text: str, *, key: str = "", **variables: Any
    ) -> dict[str, Any]:
        """Return the data of an operation, as JSON has it.

        `key` is the idempotency key of a mutation: a form that is sent twice is carried out once.
        Raises the Problem of the first error, CredentialEnded, and RedirectTo the page for a fresh
        proof, which leads back to where `Site.signed_in` says.
        """
        origin = origin_of(request)
        context = self._make_context(viewer, origin)
        asked = OperationRequest(
            Params(text, variables), GRAPHQL, str(origin.request_id), {}, address=origin.ip_address
        )
        headers = Headers({MARK.header: key} if key else {})
        with self._operations.deadline():
            answer = await self._answer(asked, context, headers)
        content: dict[str, Any] = orjson.loads(answer.written())
        if errors := content.get("errors"):
            raise _stop(request, errors[0])
        data: dict[str, Any] = content["data"]
        return data

    async def _answer(self, asked: OperationRequest, context: Context, headers: Headers) -> Answer:
        try:
            prepared = self._operations.prepare(asked, context.viewer)
        except NotRun as reason:
            return Answer({"errors": reason.errors})
        if prepared.operation.kind == "query":
            return await self._operations.run(asked, prepared, context)
        return await self._operations.run_once(asked, prepared, context, headers)


def _stop(request: Request, error: Error) -> Exception:
    """Return what an error of the API is for a page."""
    details = dict(error["extensions"])
    code, field = details.pop("code"), details.pop("field", ())
    details.pop("retryable", None)
    if code == "UNAUTHENTICATED":
        return CredentialEnded()
    if "prove" in details:
        return RedirectTo(proof_path(request.state.back))
    return Problem(code, error["message"], field=field, **details)
