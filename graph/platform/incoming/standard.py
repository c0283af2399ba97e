"""Webhooks that are signed as Standard Webhooks says, with secrets that senders and gateway share.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hmac
import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from graph.platform.incoming.provider import (
    TOLERANCE,
    Headers,
    Named,
    Provider,
    Unverified,
    time_of,
)

PREFIX = "whsec_"
VERSION = "v1,"
MAX_SIGNATURES = 10


def key_of(secret: str) -> bytes:
    """Return the key of a secret, `whsec_` and base64. Raises ValueError."""
    try:
        return b64decode(secret.removeprefix(PREFIX), validate=True)
    except NotBase64:
        raise ValueError("A secret is `whsec_` and base64.") from None


def signature(secret: str, id: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a message, such as `v1,...`."""
    signed = f"{id}.{timestamp}.".encode() + body
    return VERSION + b64encode(hmac.digest(key_of(secret), signed, "sha256")).decode()


def verify(body: bytes, headers: Headers, secret: str) -> None:
    """Raise Unverified unless the body was signed with this secret within the last minutes."""
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isascii() or not timestamp.isdigit() or not id.isascii():
        raise Unverified("The headers webhook-id and webhook-timestamp are missing.")
    expected = signature(secret, id, timestamp, body).encode()
    shown = headers.get("webhook-signature", "").split(" ")[:MAX_SIGNATURES]
    if not any(hmac.compare_digest(expected, one.encode()) for one in shown):
        raise Unverified("The signature does not match.")
    if abs(time.time() - float(timestamp[:20])) > TOLERANCE:
        raise Unverified("The timestamp is too old or too new.")


def name_of(content: Mapping[str, Any], headers: Headers) -> Named:
    """Return the ID of the headers, and the type and the time of the body."""
    try:
        at = datetime.fromisoformat(content.get("timestamp", ""))
    except (TypeError, ValueError):
        at = None
    sent = time_of(headers.get("webhook-timestamp"))
    return Named(headers.get("webhook-id"), content.get("type"), at if at and at.tzinfo else sent)


def standard(name: str, secrets: Sequence[str]) -> Provider:
    """Return a provider whose events are stored, for a handler to come."""
    return Provider(name, secrets, verify, name_of)
