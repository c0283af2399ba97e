"""What a GraphQL request asks: read from a JSON body or a query string, types checked strictly."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import Headers
from starlette.types import Message, Receive

from graph.http.errors import Refusal

DEEPEST_JSON = 100
"""Levels of nested arrays and objects in a body, at most; a real filter has about ten."""
DRAINED = 4
"""So many times the limit is read and dropped of a body that is too large, then answered."""

MOST_DIGITS = 20
"""Of a Content-Length; a longer one is not read at all."""


class Disconnected(Exception):
    """The client has gone; nobody is left to answer."""


@dataclass(frozen=True, slots=True)
class Params:
    """The parameters of one GraphQL request, of the types that the specification gives them."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """The whole body, counted as it comes in; 413 when it is larger than `limit` bytes.

    A little of what is too large is still read: a client that is cut off in the middle of sending
    sees a broken connection instead of the answer.
    """
    told = headers.get("content-length", "")
    size = int(told) if told.isdecimal() and len(told) <= MOST_DIGITS else 0
    too_large = Refusal(
        413, f"The body is larger than {limit} bytes.", headers={"Connection": "close"}
    )
    if size > DRAINED * limit:
        raise too_large
    body = bytearray()
    size = 0
    async for chunk in _chunks(receive):
        size += len(chunk)
        if size <= limit:
            body += chunk
        elif size > DRAINED * limit:
            break
    if size > limit:
        raise too_large
    return bytes(body)


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        yield message.get("body", b"")
        more = message.get("more_body", False)


def from_body(body: bytes) -> Params:
    """The request in a JSON body. Raises Refusal (400)."""
    members = read_json(body, "The body")
    if isinstance(members, list):
        raise Refusal(400, "Batches are not accepted: send one operation a request.")
    if not isinstance(members, dict):
        raise Refusal(400, "The body is a JSON object.")
    return from_members(members)


def from_query_string(query_string: bytes) -> Params:
    """The request in a URL, where variables and extensions are JSON. Raises Refusal (400)."""
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise Refusal(400, "The URL holds UTF-8, percent-encoded.") from error
    members: dict[str, Any] = dict(pairs)
    if len(members) < len(pairs):
        raise Refusal(400, "The URL holds each parameter once.")
    for name in ("variables", "extensions"):
        if text := members.get(name):
            members[name] = read_json(text.encode(), f"`{name}`")
    return from_members(members)


def from_members(members: dict[str, Any]) -> Params:
    """The request with these members, of any types. Raises Refusal (400)."""
    query = members.get("query")
    if not isinstance(query, str):
        raise Refusal(400, "`query` is a string: the GraphQL document.")
    name = members.get("operationName")
    if not isinstance(name, str | None):
        raise Refusal(400, "`operationName` is a string or null.")
    for key in ("variables", "extensions"):
        if not isinstance(members.get(key), dict | None):
            raise Refusal(400, f"`{key}` is an object or null.")
    return Params(query, members.get("variables"), name, members.get("extensions"))


def read_json(text: bytes, what: str) -> Any:
    """The value of a JSON text, not too deep. Raises Refusal (400) that names it as `what`."""
    try:
        value = orjson.loads(text)  # refuses NaN, Infinity, bad UTF-8, and over 1024 levels
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"{what} is not JSON in UTF-8.") from error
    if text.count(b"[") + text.count(b"{") > DEEPEST_JSON and _depth_exceeds(value, DEEPEST_JSON):
        raise Refusal(400, f"{what} nests more than {DEEPEST_JSON} levels.")
    return value


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return any(isinstance(inner, dict | list) for inner in level)
