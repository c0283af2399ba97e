"""Attempts to sign in at an identity provider, which a browser holds in a sealed cookie.

Nothing is stored: the cookie is encrypted with a key of the gateway, and is good for ten minutes
and one answer. It holds what an answer must fit: the provider, `state`, the nonce of the ID token
and the code verifier.
"""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from auth.encryption import decrypt, encrypt
from auth.secret import fresh
from auth.settings import AuthSettings
from db.problem import Problem

LIFETIME = 600
"""Seconds within which a person comes back from the provider."""
ATTEMPT, LINK = "single sign-on attempt", "single sign-on link"
START_AGAIN = "The sign-in took too long, or began in another browser. Start again."


class Purpose(StrEnum):
    """The purpose of an attempt."""

    SIGN_IN = "sign_in"
    PROVE = "prove"
    LINK = "link"
    TEST = "test"
    SIGN_OUT = "sign_out"


@dataclass(frozen=True)
class Attempt:
    """One attempt. `session_id` is that of the person who proves, links or tests.

    A sign-out at a provider is an attempt as well, of which only `state` is sent there.
    """

    provider: str
    purpose: str
    next: str
    state: str
    nonce: str
    verifier: str
    began: int
    session_id: str = ""

    @classmethod
    def new(cls, provider: str, purpose: Purpose, next: str, session_id: str = "") -> "Attempt":
        return cls(
            provider, purpose.value, next, fresh(), fresh(), fresh(), int(time.time()), session_id
        )


@dataclass(frozen=True)
class PendingLink:
    """An identity that becomes that of an account once its second factor is proved."""

    provider: str
    issuer: str
    subject: str
    email: str
    user_id: str
    began: int
    provider_session: str = ""


def seal(settings: AuthSettings, value: Attempt | PendingLink) -> str:
    """Return the text that only this gateway can read."""
    kind = ATTEMPT if isinstance(value, Attempt) else LINK
    text = json.dumps(asdict(value)).encode()
    return urlsafe_b64encode(encrypt(settings, kind, b"", text)).decode()


def opened(settings: AuthSettings, text: str) -> Attempt:
    """Return the attempt in a cookie. Raises UNAUTHENTICATED."""
    return Attempt(**_opened(settings, ATTEMPT, text))


def opened_link(settings: AuthSettings, text: str) -> PendingLink:
    """Return the pending link in a cookie. Raises UNAUTHENTICATED."""
    return PendingLink(**_opened(settings, LINK, text))


def _opened(settings: AuthSettings, kind: str, text: str) -> dict[str, Any]:
    try:
        sealed = urlsafe_b64decode(text.encode("ascii"))
        content = decrypt(settings, kind, b"", sealed)
        found: dict[str, Any] = json.loads(content or b"")
    except ValueError:
        raise Problem("UNAUTHENTICATED", START_AGAIN) from None
    if not 0 <= time.time() - found["began"] <= LIFETIME:
        raise Problem("UNAUTHENTICATED", START_AGAIN)
    return found
