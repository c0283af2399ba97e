"""Requests that may be repeated: the key that says so, and the answer that every repeat is given.

The header is that of draft-ietf-httpapi-idempotency-key-header; its value may be quoted, as the
draft has it, or bare, as most clients send it.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.datastructures import Headers

from auth.session import Answered, ViewerSession
from auth.settings import AuthSettings
from db.core.idempotency import LONGEST_KEY
from db.problem import Problem
from graph.http.answer import Answer
from graph.http.params import Params

HEADER, MEMBER = "Idempotency-Key", "idempotencyKey"
REPLAYED = "Idempotent-Replayed"

KEY = re.compile(rf"[!-~]{{1,{LONGEST_KEY}}}")
QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
"""A string of structured fields (RFC 9651, section 3.3.3)."""


def key_of(headers: Headers, params: Params) -> str | None:
    """The key that the request carries, in its header or its extensions. Raises INVALID."""
    sent = headers.getlist(HEADER)
    if len(sent) > 1:
        raise Problem("INVALID", f"The header {HEADER} is sent once.")
    header = _read(sent[0].strip(" \t")) if sent else None
    extensions = params.extensions or {}
    if MEMBER not in extensions:
        return header
    given = extensions[MEMBER]
    if not isinstance(given, str) or not KEY.fullmatch(given):
        message = f"An idempotency key is 1 to {LONGEST_KEY} visible ASCII characters."
        raise Problem("INVALID", message, field=["extensions", MEMBER])
    if header not in (None, given):
        message = f"The header {HEADER} holds another key."
        raise Problem("INVALID", message, field=["extensions", MEMBER])
    return given


def _read(value: str) -> str:
    key = value
    if value.startswith('"'):
        quoted = QUOTED.fullmatch(value)
        key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else ""
    if not KEY.fullmatch(key):
        raise Problem(
            "INVALID",
            f"The header {HEADER} holds 1 to {LONGEST_KEY} visible ASCII characters, bare or as"
            " one quoted string.",
        )
    return key


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
