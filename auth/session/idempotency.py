"""Requests that carry a key: one effect, and one answer for the first of them and every repeat.

The row of a key is inserted before the effect and completed with the answer after it, all in one
transaction. So either both are there or neither, whatever breaks; and because the key is unique,
who repeats a request that is still running waits for it in the database.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID
from weakref import WeakValueDictionary

import asyncpg

from auth.session.joined import Joined
from auth.session.refusal import refusal
from auth.viewer import Viewer
from db.pool import Database
from db.problem import Problem

LARGEST_ANSWER = 4_000_000
"""Bytes of an answer that can be repeated; a disk must not fill with what is kept for a day."""

CLAIM = """
INSERT INTO idempotency_keys AS known (user_id, client_id, key, request_hash)
VALUES ($1, $2, $3, $4)
ON CONFLICT (user_id, client_id, key) DO UPDATE SET request_hash = excluded.request_hash,
    created_at = excluded.created_at, status = NULL, answer = NULL
WHERE known.created_at <= excluded.created_at - interval '24 hours'
RETURNING true
"""
FIND = """
SELECT request_hash, status, answer FROM idempotency_keys
WHERE user_id = $1 AND client_id = $2 AND key = $3
"""
COMPLETE = """
UPDATE idempotency_keys SET status = $4, answer = $5
WHERE user_id = $1 AND client_id = $2 AND key = $3
"""


@dataclass(frozen=True)
class Answered:
    """What a client is sent.

    What is not `final` tells that nothing has happened, and why: a repeat is a fresh attempt.
    """

    body: bytes
    status: int = 200
    final: bool = True
    replayed: bool = False


class Repeatable(NamedTuple):
    """Whose key it is. The person alone is not enough: clients choose keys without each other."""

    user_id: UUID | None
    client_id: str
    key: str


async def once(
    database: Database,
    viewer: Viewer,
    key: str,
    request_hash: bytes,
    answer: Callable[[Joined], Awaitable[Answered]],
) -> Answered:
    """The answer to the first request with this key, which `answer` makes; see `ViewerSession`."""
    request = Repeatable(viewer.id, viewer.client_id or "", key)
    async with _turn(request):
        while True:
            async with Joined.begin(database, viewer) as joined:
                try:
                    if await joined.statement(CLAIM, *request, request_hash):
                        return await _first(joined, request, answer)
                    known = await joined.statement(FIND, *request)
                except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError):
                    continue  # it is still running; the caller's deadline ends the waiting
                except asyncpg.PostgresError as error:
                    raise refusal(error) from error
            if known is not None:  # else its time has just come, and it was removed
                return _replay(known, request_hash)


async def _first(
    joined: Joined, request: Repeatable, answer: Callable[[Joined], Awaitable[Answered]]
) -> Answered:
    answered = await answer(joined)
    if not answered.final:
        return answered
    if (size := len(answered.body)) > LARGEST_ANSWER:
        raise Problem(
            "QUERY_TOO_COMPLEX",
            f"The answer is larger than {LARGEST_ANSWER} bytes and cannot be kept for a repeat;"
            " select less of it, or send no idempotency key. Nothing was done.",
            limit="answer",
            measured=size,
            maximum=LARGEST_ANSWER,
        )
    try:
        await joined.statement(COMPLETE, *request, answered.status, answered.body)
        await joined.commit()
    except Exception as error:
        message = "It is not known whether this took place; a repeat with the same key tells."
        raise Problem("BUSY", message) from error
    return answered


def _replay(known: asyncpg.Record, request_hash: bytes) -> Answered:
    if known["request_hash"] != request_hash:
        message = "This idempotency key was used for another request; a new one needs a new key."
        raise Problem("IDEMPOTENCY_MISMATCH", message)
    return Answered(known["answer"], known["status"], replayed=True)


_running: "WeakValueDictionary[Repeatable, asyncio.Lock]" = WeakValueDictionary()


@asynccontextmanager
async def _turn(request: Repeatable) -> AsyncIterator[None]:
    """Repeats within this process wait here, where a storm of them holds no connection."""
    lock = _running.setdefault(request, asyncio.Lock())
    async with lock:
        yield
