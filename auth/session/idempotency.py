"""Requests that carry a key: one effect, and one answer for the first of them and every repeat.

The row of a key is inserted before the effect and completed with the answer after it, all in one
transaction. So either both are there or neither, whatever breaks; and because the key is unique,
who repeats a request that is still running waits for it in the database.

What is kept is encrypted, each answer for the one request that it belongs to: an answer may show a
secret that nothing else keeps, such as a new key, and must be repeated all the same.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID
from weakref import WeakValueDictionary

import asyncpg

from auth.encryption import decrypt, encrypt
from auth.session.joined import Joined
from auth.session.refusal import refusal
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.pool import Database
from db.problem import Problem

PURPOSE = "answers kept for repeats"
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

    def seal(self, settings: AuthSettings, answer: bytes) -> bytes:
        """The answer as it is kept."""
        return encrypt(settings, PURPOSE, self._name(), answer)

    def open(self, settings: AuthSettings, sealed: bytes) -> bytes | None:
        """The answer again; None when it is of another request or of another GATEWAY_SECRET."""
        return decrypt(settings, PURPOSE, self._name(), sealed)

    def _name(self) -> bytes:
        return f"{self.user_id} {self.client_id} {self.key}".encode()


async def once(
    database: Database,
    settings: AuthSettings,
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
                        return await _first(joined, settings, request, answer)
                    known = await joined.statement(FIND, *request)
                except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError):
                    continue  # it is still running; the caller's deadline ends the waiting
                except asyncpg.PostgresError as error:
                    raise refusal(error) from error
            if known is not None:  # else its time has just come, and it was removed
                return _replay(known, request_hash, settings, request)


async def _first(
    joined: Joined,
    settings: AuthSettings,
    request: Repeatable,
    answer: Callable[[Joined], Awaitable[Answered]],
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
        sealed = request.seal(settings, answered.body)
        await joined.statement(COMPLETE, *request, answered.status, sealed)
        await joined.commit()
    except Exception as error:
        message = "It is not known whether this took place; a repeat with the same key tells."
        raise Problem("BUSY", message) from error
    return answered


def _replay(
    known: asyncpg.Record, request_hash: bytes, settings: AuthSettings, request: Repeatable
) -> Answered:
    if known["request_hash"] != request_hash:
        message = "This idempotency key was used for another request; a new one needs a new key."
        raise Problem("IDEMPOTENCY_MISMATCH", message)
    body = request.open(settings, known["answer"])
    if body is None:
        message = (
            "This request has been done, but its answer cannot be read any more, for the gateway's"
            " secret has changed since. Look at what there is now."
        )
        raise Problem("IDEMPOTENCY_MISMATCH", message)
    return Answered(body, known["status"], replayed=True)


_running: "WeakValueDictionary[Repeatable, asyncio.Lock]" = WeakValueDictionary()


@asynccontextmanager
async def _turn(request: Repeatable) -> AsyncIterator[None]:
    """Repeats within this process wait here, where a storm of them holds no connection."""
    lock = _running.setdefault(request, asyncio.Lock())
    async with lock:
        yield
