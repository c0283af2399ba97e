"""Idempotency keys: one effect, and one answer for the first request and every repeat.

The row of a key is inserted before the effect and completed with the answer after it, all in one
transaction. So either both are stored or neither, whatever fails; and because the key is unique, a
repeat of a request that is still running waits for it in the database.

The answer is stored encrypted, for the one request that it belongs to: it may show a secret that is
stored nowhere else, such as a new key, and must be repeated all the same. It is repeated to a
viewer who reaches as much as the first, and a secret only to the very credential of the first.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple, Self
from uuid import UUID
from weakref import WeakValueDictionary

import asyncpg
import orjson

from auth.encryption import decrypt, encrypt
from auth.policy import require_one_scope
from auth.session.write.db_errors import refusal
from auth.session.write.request_transaction import RequestTransaction
from auth.settings import AuthSettings
from auth.viewer import Viewer
from db.pool import Database
from db.problem import Problem

PURPOSE = "answers kept for repeats"
MAX_ANSWER_BYTES = 4_000_000
"""Bytes of an answer, at most, that can be repeated: answers are stored for a day."""

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
    """The answer to a client.

    An answer that is not `final` says that nothing was done, and why: a repeat is a new attempt.
    """

    body: bytes
    status: int = 200
    final: bool = True
    replayed: bool = False


class Kept(NamedTuple):
    """A stored answer with its recipient: the scopes of the token, and the credential.

    `secret` says that it shows a secret that is stored nowhere else.
    """

    body: bytes
    scopes: list[str] | None
    credential: str | None
    secret: bool

    def packed(self) -> bytes:
        """Return its bytes: a line of JSON about it, then the answer."""
        return orjson.dumps(self[1:]) + b"\n" + self.body

    @classmethod
    def unpacked(cls, kept: bytes) -> Self:
        """Return it from these bytes; an answer alone was stored by an earlier release."""
        if kept.startswith(b"{"):
            return cls(kept, None, None, secret=True)
        about, _, body = kept.partition(b"\n")
        return cls(body, *orjson.loads(about))

    def require_may_repeat(self, viewer: Viewer) -> None:
        """Raise FORBIDDEN for a token that reaches less than the first.

        For an answer with a secret, raise it for every other credential.
        """
        for scope in ["admin"] if self.scopes is None else self.scopes:
            require_one_scope(viewer, [scope])
        if self.secret and viewer.session_id != self.credential:
            message = (
                "This request has been done. Its answer holds a secret, which is shown again only"
                " to the session, the token or the key that it was made with."
            )
            raise Problem("FORBIDDEN", message)


class Repeatable(NamedTuple):
    """The owner of a key. The person alone is not enough: clients choose keys independently."""

    user_id: UUID | None
    client_id: str
    key: str

    def seal(self, settings: AuthSettings, answer: bytes) -> bytes:
        """Return the answer encrypted."""
        return encrypt(settings, PURPOSE, self._name(), answer)

    def open(self, settings: AuthSettings, sealed: bytes) -> bytes | None:
        """Return the answer; None when it is of another request or of another GATEWAY_SECRET."""
        return decrypt(settings, PURPOSE, self._name(), sealed)

    def _name(self) -> bytes:
        return f"{self.user_id} {self.client_id} {self.key}".encode()


async def once(
    database: Database,
    settings: AuthSettings,
    viewer: Viewer,
    key: str,
    request_hash: bytes,
    answer: Callable[[RequestTransaction], Awaitable[Answered]],
) -> Answered:
    """Return the answer to the first request with this key; see `ViewerSession.once`."""
    request = Repeatable(viewer.id, viewer.client_id or "", key)
    async with _turn(request):
        while True:
            async with RequestTransaction.begin(database, viewer) as joined:
                try:
                    if await joined.statement(CLAIM, *request, request_hash):
                        return await _first(joined, settings, request, viewer, answer)
                    known = await joined.statement(FIND, *request)
                except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError):
                    continue  # it is still running; the caller's deadline ends the waiting
                except asyncpg.PostgresError as error:
                    raise refusal(error) from error
            if known is not None:  # else its time has just come, and it was removed
                return _replay(known, request_hash, settings, request, viewer)


async def _first(
    joined: RequestTransaction,
    settings: AuthSettings,
    request: Repeatable,
    viewer: Viewer,
    answer: Callable[[RequestTransaction], Awaitable[Answered]],
) -> Answered:
    answered = await answer(joined)
    if not answered.final:
        return answered
    if joined.doomed:
        raise joined.doomed
    if (size := len(answered.body)) > MAX_ANSWER_BYTES:
        raise Problem(
            "QUERY_TOO_COMPLEX",
            f"The response is larger than {MAX_ANSWER_BYTES} bytes and cannot be stored for"
            " retries. Select less, or send no idempotency key. Nothing was changed.",
            limit="answer",
            measured=size,
            maximum=MAX_ANSWER_BYTES,
        )
    try:
        scopes = None if viewer.scopes is None else sorted(viewer.scopes)
        kept = Kept(answered.body, scopes, viewer.session_id, joined.shows_secret)
        sealed = request.seal(settings, kept.packed())
        await joined.statement(COMPLETE, *request, answered.status, sealed)
        await joined.commit()
    except Exception as error:
        message = "The outcome is unknown. Repeat the request with the same key to learn it."
        raise Problem("BUSY", message) from error
    return answered


def _replay(
    known: asyncpg.Record,
    request_hash: bytes,
    settings: AuthSettings,
    request: Repeatable,
    viewer: Viewer,
) -> Answered:
    if known["request_hash"] != request_hash:
        message = "This idempotency key was used for another request."
        raise Problem("IDEMPOTENCY_MISMATCH", message)
    opened = request.open(settings, known["answer"])
    if opened is None:
        message = (
            "This request has been done, but its answer cannot be read any more, for the gateway's"
            " secret has changed since. Look at what there is now."
        )
        raise Problem("IDEMPOTENCY_MISMATCH", message)
    kept = Kept.unpacked(opened)
    kept.require_may_repeat(viewer)
    return Answered(kept.body, known["status"], replayed=True)


_running: "WeakValueDictionary[Repeatable, asyncio.Lock]" = WeakValueDictionary()


@asynccontextmanager
async def _turn(request: Repeatable) -> AsyncIterator[None]:
    """Wait until no other request with this key runs in this process, without a connection."""
    lock = _running.setdefault(request, asyncio.Lock())
    async with lock:
        yield
