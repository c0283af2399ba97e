"""Idempotency keys: a repeated request has the answer of the first.

The header is that of draft-ietf-httpapi-idempotency-key-header; its value may be quoted, as the
draft has it, or bare, as most clients send it.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from auth.session import Answered, ViewerSession
from auth.settings import AuthSettings
from db.core.idempotency import MAX_KEY_LENGTH
from graph.http.operation.answer import Answer
from graph.http.operation.params import Params
from graph.http.operation.request_tags import RequestTag

REPLAYED = "Idempotent-Replayed"

KEY = re.compile(rf"[!-~]{{1,{MAX_KEY_LENGTH}}}")
MARK = RequestTag(
    "Idempotency-Key",
    "idempotencyKey",
    f"1 to {MAX_KEY_LENGTH} visible ASCII characters",
    lambda text: text if KEY.fullmatch(text) else None,
)


def hash_of(params: Params) -> bytes:
    """Return the SHA-256 of the request, the same for any order of the variables' members."""
    asked = [params.query, params.operation_name, params.variables or {}]
    return hashlib.sha256(orjson.dumps(asked, repr, orjson.OPT_SORT_KEYS)).digest()


async def answered_once(
    session: ViewerSession,
    settings: AuthSettings,
    key: str,
    params: Params,
    make: Callable[[], Awaitable[Answer]],
) -> Answer:
    """Return the answer to the first request with this key, made by `make` unless there is one."""
    made: list[Answer] = []

    async def answer() -> Answered:
        first, final = _judged(await make())
        made.append(first)
        return Answered(first.written(), first.status, final)

    answered = await session.once(settings, key, hash_of(params), answer)
    if answered.replayed:
        content = orjson.loads(answered.body)
        return Answer(content, answered.status, {REPLAYED: "true"}, answered.body)
    return made[-1]


def _judged(answer: Answer) -> tuple[Answer, bool]:
    """Return the answer, and whether it is final.

    An answer with retryable errors or an internal error is not final: everything is rolled back,
    and the answer has only the errors.
    """
    if "data" not in answer.content:  # it was refused before anything was run
        return answer, False
    errors: list[dict[str, Any]] = answer.content.get("errors", [])
    passing = [error for error in errors if _may_pass(error["extensions"])]
    if not passing:
        return answer, True
    content = {**answer.content, "data": None, "errors": passing}
    return Answer(content, answer.status, answer.headers), False


def _may_pass(extensions: dict[str, Any]) -> bool:
    return bool(extensions["retryable"]) or extensions["code"] == "INTERNAL"
