"""JSON documents that applications publish: fetched within bounds, and kept as their headers say.

Requests go to public servers alone, follow no redirect, and read a few kilobytes. A failure is
remembered for a while, and few documents are fetched at once, so that nobody can use the gateway to
send requests to others.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from auth.outbound import Answer, Outbound, UnreachableError
from db.problem import Problem

MAX_BYTES = 32 * 1024
SECONDS = 5.0
SHORTEST, USUAL, LONGEST = 300.0, 3600.0, 86400.0
"""Seconds for which a document is kept: at least, without headers, and at most."""
AGAIN = 30.0
"""Seconds after which a document is fetched once more: after a failure, or for another key."""
KEPT = 500
"""Documents that a process keeps."""
AT_ONCE = 4
"""Documents that a process fetches at the same time."""
MAX_WAIT = 5.0
"""Seconds to wait for a turn, at most."""
JSON = re.compile(r"application/(?:[\w.-]+\+)?json")
MAX_AGE = re.compile(r'(?:^|[\s,])max-age="?(\d{1,9})"?(?=$|[\s,])', re.IGNORECASE)


class NoDocumentError(Exception):
    """There is no valid document at the address; the message says why."""


@dataclass(frozen=True)
class Document:
    """The JSON object at an address, or the failure to fetch it, and how long it is kept."""

    content: Mapping[str, Any] | None
    fetched: float
    lasts: float
    failure: str = ""

    @property
    def age(self) -> float:
        """Return the seconds since it was fetched."""
        return time.monotonic() - self.fetched


class Documents:
    """Documents by their addresses, in the memory of this process."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = replace(outbound, most_bytes=MAX_BYTES, seconds=SECONDS, redirects=0)
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._fetching: dict[str, asyncio.Task[Document]] = {}

    async def read(self, url: str, *, again: bool = False) -> Document:
        """Return the document, from memory if it is fresh; `again` wants it newer than AGAIN.

        Raises NoDocumentError, and BUSY when too many are being fetched.
        """
        kept = self._kept.get(url)
        if kept is None or kept.age >= (AGAIN if again else kept.lasts):
            kept = await self._once(url)
        if kept.content is None:
            raise NoDocumentError(kept.failure)
        return kept

    async def _once(self, url: str) -> Document:
        """Fetch the document; several that want it at once share one request."""
        if url not in self._fetching:
            task = self._fetching[url] = asyncio.create_task(self._in_turn(url))
            task.add_done_callback(lambda _: self._fetching.pop(url, None))
        return await asyncio.shield(self._fetching[url])

    async def _in_turn(self, url: str) -> Document:
        try:
            await asyncio.wait_for(self._turns.acquire(), MAX_WAIT)
        except TimeoutError:
            raise Problem("BUSY", "Too many documents of applications are fetched.") from None
        try:
            found = await self._fetch(url)
        finally:
            self._turns.release()
        self._kept[url] = found
        self._kept.move_to_end(url)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    async def _fetch(self, url: str) -> Document:
        try:
            answer = await self._outbound.fetch("GET", url, headers={"Accept": "application/json"})
            return Document(_content(answer), time.monotonic(), lasts(answer.headers))
        except Problem:
            why = "The address does not lead to a public server."
        except (UnreachableError, NoDocumentError) as error:
            why = str(error)
        return Document(None, time.monotonic(), AGAIN, why)


def _content(answer: Answer) -> Mapping[str, Any]:
    """Return the JSON object in the answer. Raises NoDocumentError."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status != 200:  # noqa: PLR2004 (OK)
        raise NoDocumentError(f"The answer has the status {answer.status}.")
    if not JSON.fullmatch(kind):
        raise NoDocumentError("The answer is not application/json.")
    try:
        content = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise NoDocumentError("The answer is not JSON.") from None
    if not isinstance(content, dict):
        raise NoDocumentError("The answer is no JSON object.")
    return content


def lasts(headers: Mapping[str, str]) -> float:
    """Return the seconds for which these headers let a document be kept, within the bounds."""
    control = headers.get("cache-control", "").lower()
    if "no-store" in control or "no-cache" in control:
        return SHORTEST
    found = MAX_AGE.search(control)
    return min(max(float(found[1]), SHORTEST), LONGEST) if found else USUAL
