"""What is sent back: an answer to an operation, or a refusal, and how it is written."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from starlette.types import Send

from auth.identify import BEARER, DPOP, InvalidToken, challenge
from auth.viewer import Viewer
from db.problem import CODES, Problem
from graph.http.errors import Error, Refusal, described, without_suggestions
from graph.http.negotiate import GRAPHQL


@dataclass
class Answer:
    """What is sent back, before it is written; `body` is its bytes once they are made."""

    content: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def written(self) -> bytes:
        """The bytes of the body."""
        if self.body is None:
            self.body = orjson.dumps(self.content)
        return self.body


def refused(errors: Iterable[Error], media_type: str, *, anonymous: bool) -> Answer:
    """Nothing was run. The newer media type says so by the status, the older one by `errors`."""
    told = [*map(without_suggestions, errors)] if anonymous else [*errors]
    status = CODES[told[0]["extensions"]["code"]].status if media_type == GRAPHQL else 200
    headers = {"WWW-Authenticate": BEARER} if status == HTTPStatus.UNAUTHORIZED else {}
    return Answer({"errors": told}, status, headers)


def missing_scopes(errors: Iterable[Error], viewer: Viewer) -> dict[str, str]:
    """The challenge for a token whose scopes do not reach what was asked (RFC 6750, section 3.1).

    An answer with data has the status 200, and the header all the same.
    """
    scopes = dict.fromkeys(
        error["extensions"]["scope"] for error in errors if "scope" in error["extensions"]
    )
    if not scopes:
        return {}
    scheme = DPOP if viewer.key else BEARER
    return {"WWW-Authenticate": challenge(scheme, "insufficient_scope", scope=" ".join(scopes))}


def out_of_scope(errors: Collection[Error], viewer: Viewer) -> Answer:
    """Nothing of the operation is within reach of the token, and nothing was run.

    The request is refused as such, like one with a token that is not good: whatever the media type,
    by the status (RFC 6750, section 3.1), and without `data`, which would ask for a status of 200.
    """
    told = [{name: error[name] for name in error if name != "path"} for error in errors]
    return Answer({"errors": told}, CODES["FORBIDDEN"].status, missing_scopes(errors, viewer))


def failed(problem: Problem) -> Answer:
    """The request itself was refused, or could not be finished."""
    headers: dict[str, str] = {}
    status = CODES[problem.code].status
    if isinstance(problem, Refusal):
        status, headers = problem.status, {**problem.headers}
    elif isinstance(problem, InvalidToken):
        headers = problem.headers
    elif status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        headers = {"Retry-After": str(problem.extensions.get("retryAfter", 1))}
    return Answer({"errors": [described(problem)]}, status, headers)


async def send_answer(send: Send, answer: Answer, body: bytes, media_type: str) -> None:
    """Write it, as the media type that the client asked for."""
    headers = [
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in answer.headers.items()),
    ]
    start = {"type": "http.response.start", "status": answer.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
