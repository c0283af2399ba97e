"""Parameters of a GraphQL request, from a JSON body or a query string, types checked strictly."""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Message, Receive

from graph.http.operation.deadline import Disconnected
from graph.http.operation.errors import Refusal
from graph.http.operation.json_text import read_json

MAX_DRAINED = 4
"""So many times the limit is read and dropped of a body that is too large, then answered."""

MAX_DIGITS = 20
"""Of a Content-Length; a longer one is not read at all."""

MEMBERS = frozenset({"query", "variables", "operationName", "extensions"})
NAME, OBJECT = (str, type(None)), (dict, type(None))
"""The types of members that may be left out."""
MAX_SHOWN, MAX_SHOWN_LENGTH = 10, 50
"""Of the names of further members: how many are told, and how many characters of each."""


@dataclass(frozen=True, slots=True)
class Params:
    """The parameters of one GraphQL request, of the types that the specification gives them.

    `query` is empty where its hash was sent instead.
    """

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None
    ignored: tuple[str, ...] = ()
    """Further members that were sent, which GraphQL over HTTP gives no meaning."""


async def read_body(length: bytes | None, receive: Receive, limit: int) -> bytes:
    """Read the whole body; refuse with 413 when it is larger than `limit` bytes.

    A little past the limit is still read: a client that is cut off in the middle of sending would
    see a broken connection instead of the answer.
    """
    size = int(length) if length and length.isdigit() and len(length) <= MAX_DIGITS else 0
    chunks: list[bytes] = []
    more = size <= MAX_DRAINED * limit
    size = 0 if more else size
    while more:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        more = message.get("more_body", False) and size <= MAX_DRAINED * limit
    if size > limit:
        reason = f"The body is larger than {limit} bytes."
        raise Refusal(413, reason, headers={"Connection": "close"})
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def from_body(body: bytes) -> Params:
    """Return the request in a JSON body. Raises Refusal (400)."""
    members = read_json(body, "The body")
    if isinstance(members, list):
        raise Refusal(400, "Batching is not supported. Send one operation per request.")
    if not isinstance(members, dict):
        raise Refusal(400, "The body is a JSON object.")
    return from_members(members)


def from_query_string(query_string: bytes) -> Params:
    """Return the request in a URL, its variables and extensions as JSON. Raises Refusal (400)."""
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
    """Return the request with these members, of any types. Raises Refusal (400)."""
    query = members.get("query")
    if query is None and _is_persisted(members.get("extensions")):
        query = ""
    if not isinstance(query, str):
        raise Refusal(400, "`query` is a string: the GraphQL document.")
    name = members.get("operationName")
    if not isinstance(name, NAME):
        raise Refusal(400, "`operationName` is a string or null.")
    for key in ("variables", "extensions"):
        if not isinstance(members.get(key), OBJECT):
            raise Refusal(400, f"`{key}` is an object or null.")
    others = [key[:MAX_SHOWN_LENGTH] for key in members if key not in MEMBERS]
    return Params(
        query,
        members.get("variables"),
        name or None,
        members.get("extensions"),
        tuple(others[:MAX_SHOWN]),
    )


def _is_persisted(extensions: object) -> bool:
    """Return whether extensions hold the hash of a document, in place of its text."""
    return isinstance(extensions, dict) and isinstance(extensions.get("persistedQuery"), dict)


def ignored_in(params: Params, declared: Container[str]) -> list[str]:
    """Return what of the request has no meaning: members, and variables that are not declared."""
    variables = params.variables or {}
    unknown = [name for name in variables if name not in declared] if variables else []
    return [
        *params.ignored,
        *(f"variables.{name[:MAX_SHOWN_LENGTH]}" for name in unknown[:MAX_SHOWN]),
    ]
