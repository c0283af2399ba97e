"""Messages of the protocol graphql-transport-ws, read strictly.

The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

from enum import IntEnum
from typing import Any, NamedTuple

import orjson

from graph.http.operation.errors import Refusal
from graph.http.operation.json_text import read_json
from graph.http.operation.params import Params, from_members

PROTOCOL = "graphql-transport-ws"
MAX_ID_LENGTH = 256
"""Characters of an operation's id; clients send a UUID or a number."""


class Close(IntEnum):
    """Close codes of a connection: those of the protocol, and three of the registry of RFC 6455."""

    RESTART = 1012
    TRY_AGAIN = 1013
    DEFECT = 1011
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL = 4406
    INIT_TIMEOUT = 4408
    SUBSCRIBER_EXISTS = 4409
    TOO_MANY = 4429


class BadMessage(Exception):
    """A message is invalid in the protocol; the text has the reason, without any content."""


class Message(NamedTuple):
    """One message of a client."""

    type: str
    id: str = ""
    payload: Any = None

    def params(self) -> Params:
        """Return the parameters of a `subscribe`. Raises BadMessage."""
        if not isinstance(self.payload, dict):
            raise BadMessage("The payload of `subscribe` is an object.")
        try:
            return from_members(self.payload)
        except Refusal as refusal:
            raise BadMessage(refusal.message) from None


def read(text: str | bytes) -> Message:
    """Return the message. Raises BadMessage."""
    if isinstance(text, bytes):
        raise BadMessage("Messages are text.")
    try:
        members = read_json(text.encode(), "The message")
    except UnicodeEncodeError:
        raise BadMessage("The message is not JSON.") from None
    except Refusal as refusal:
        raise BadMessage(refusal.message) from None
    if not isinstance(members, dict):
        raise BadMessage("A message is an object.")
    type_, payload = members.get("type"), members.get("payload")
    match type_:
        case "connection_init" | "ping" | "pong":
            if not isinstance(payload, dict | None):
                raise BadMessage(f"The payload of `{type_}` is an object.")
            return Message(type_, payload=payload)
        case "subscribe" | "complete":
            id = members.get("id")
            if not isinstance(id, str) or not 0 < len(id) <= MAX_ID_LENGTH:
                raise BadMessage(f"The id is a string of 1 to {MAX_ID_LENGTH} characters.")
            return Message(type_, id, payload)
    raise BadMessage("A message has one of the types of the protocol.")


def written(type_: str, **members: Any) -> bytes:
    """Return a message to a client."""
    return orjson.dumps({"type": type_, **members})


def start_of_next(id: str) -> bytes:
    """Return the bytes before the payload in each `next` of an operation; a brace follows it."""
    return b'{"id":%b,"type":"next","payload":' % orjson.dumps(id)
