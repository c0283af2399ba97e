"""Requests that may be repeated: the key that says so, and the answer that every repeat is given.

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
from db.core.idempotency import LONGEST_KEY
from graph.http.answer import Answer
from graph.http.marks import Mark
from graph.http.params import Params

REPLAYED = "Idempotent-Replayed"

KEY = re.compile(rf"[!-~]{{1,{LONGEST_KEY}}}")
MARK = Mark(
    "Idempotency-Key",
    "idempotencyKey",
    f"1 to {LONGEST_KEY} visible ASCII characters",
    lambda text: text if KEY.fullmatch(text) else None,
)


def hash_of(params: Params) -> bytes:
    """SHA-256 of what is asked: the same for any order of the variables' members."""
    asked = [params.query, params.operation_name, params.variables or {}]
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()


async def answered_once(
    session: ViewerSession,
    settings: AuthSettings,
    key: str,
    params: Params,
    make: Callable[[], Awaitable[Answer]],
) -> Answer:
    """The answer to the first request with this key: `make` makes it, unless there is one."""
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
    """The answer, and whether it is final.

    One with errors that another attempt may not have is not, and neither is a defect of ours:
    everything is undone, and the answer says no more than why.
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
