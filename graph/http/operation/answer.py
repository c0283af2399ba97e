"""Responses: the answer to an operation, or a refusal, and their serialization."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from starlette.types import Message, Send

from auth.credentials.identify import BEARER, DPOP, InvalidToken, challenge
from auth.viewer import Viewer
from db.problem import CODES, Problem
from graph.http.operation.errors import Error, Refusal, described, without_suggestions
from graph.http.operation.negotiate import GRAPHQL, JSON
from graph.http.operation.rate_limits import of_refusal

CONTENT_TYPES = {
    media_type: (b"content-type", f"{media_type}; charset=utf-8".encode())
    for media_type in (GRAPHQL, JSON)
}
CHUNK_BYTES = 250_000
"""Bytes of a body that are sent at once."""


@dataclass
class Answer:
    """A response before it is serialized; `body` is its bytes once they are serialized."""

    content: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def written(self) -> bytes:
        """Return the bytes of the body, serialized on the first call."""
        if self.body is None:
            self.body = orjson.dumps(self.content)
        return self.body


def refused(errors: Iterable[Error], media_type: str, viewer: Viewer) -> Answer:
    """Return the answer for an operation that was not run, with 200 in the older media type."""
    told = [*errors]
    if lacks_credential(told, viewer):
        return unauthenticated(told)
    told = [*map(without_suggestions, told)] if viewer.id is None else told
    status = CODES[told[0]["extensions"]["code"]].status if media_type == GRAPHQL else 200
    headers = {"WWW-Authenticate": BEARER} if status == HTTPStatus.UNAUTHORIZED else {}
    return Answer({"errors": told}, status, headers)


def unauthenticated(errors: Collection[Error]) -> Answer:
    """Return 401 with a challenge, for an operation refused as a whole for want of a credential.

    The status is the same for every media type: clients react to it.
    """
    told = [{k: error[k] for k in error if k != "path"} for error in errors]
    told = [*map(without_suggestions, told)]
    return Answer({"errors": told}, HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": BEARER})


def lacks_credential(errors: Collection[Error], viewer: Viewer) -> bool:
    """Return whether every error is for want of a credential, and none was shown."""
    is_nobody = viewer.id is None and viewer.client_id is None
    return is_nobody and all(error["extensions"]["code"] == "UNAUTHENTICATED" for error in errors)


def missing_scopes(errors: Iterable[Error], viewer: Viewer) -> dict[str, str]:
    """Return the challenge for a token that lacks scopes for the operation (RFC 6750, 3.1)."""
    scopes = dict.fromkeys(
        error["extensions"]["scope"] for error in errors if "scope" in error["extensions"]
    )
    if not scopes:
        return {}
    scheme = DPOP if viewer.key else BEARER
    return {"WWW-Authenticate": challenge(scheme, "insufficient_scope", scope=" ".join(scopes))}


def out_of_scope(errors: Collection[Error], viewer: Viewer) -> Answer:
    """Return 403 with a challenge, for an operation of which the token's scopes allow nothing.

    The status is the same for every media type (RFC 6750, section 3.1), and there is no `data`,
    which would require a status of 200.
    """
    told = [{name: error[name] for name in error if name != "path"} for error in errors]
    return Answer({"errors": told}, CODES["FORBIDDEN"].status, missing_scopes(errors, viewer))


def failed(problem: Problem) -> Answer:
    """Return the answer of a request that was refused, or could not be finished."""
    headers: dict[str, str] = {}
    status = CODES[problem.code].status
    if isinstance(problem, Refusal):
        status, headers = problem.status, {**problem.headers}
    elif isinstance(problem, InvalidToken):
        headers = problem.headers
    elif status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers = {"Retry-After": str(problem.extensions.get("retryAfter", 1))}
        headers |= of_refusal(problem)
    return Answer({"errors": [described(problem)]}, status, headers)


async def send_answer(send: Send, answer: Answer, body: bytes, media_type: str) -> None:
    """Send an answer, in the media type that the client accepts."""
    await send(start_of(answer, len(body), media_type))
    await send_pieces(send, body)


def start_of(answer: Answer, size: int, media_type: str) -> Message:
    """Return the message that begins the answer, whose body has `size` bytes."""
    headers = [CONTENT_TYPES[media_type], (b"content-length", b"%d" % size)]
    for name, value in answer.headers.items():
        headers.append((name.lower().encode(), value.encode()))
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


async def send_pieces(send: Send, body: bytes) -> None:
    """Write the body, piece by piece."""
    # What compresses the body does so piece by piece, and lets other requests go on in between.
    for begin in range(0, max(len(body), 1), CHUNK_BYTES):
        piece, more = body[begin : begin + CHUNK_BYTES], begin + CHUNK_BYTES < len(body)
        await send({"type": "http.response.body", "body": piece, "more_body": more})
        if more:
            await asyncio.sleep(0)
