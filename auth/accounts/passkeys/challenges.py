"""Challenges for passkeys: signed, for one purpose and one browser, each good once.

Nothing is stored until a challenge is answered, so that showing a page writes nothing.
"""

import hmac
import secrets
import time
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256

from auth.secret import is_secret, keyed_digest
from auth.settings import AuthSettings
from db.pool import Lent

LIFETIME = 600
"""Seconds for which a challenge can be answered."""
RANDOM_BYTES, TIME_BYTES, SIGNATURE_BYTES = 16, 8, 32
LENGTH = RANDOM_BYTES + TIME_BYTES + SIGNATURE_BYTES

USE = """
INSERT INTO used_challenges (challenge_hash, expires_at) VALUES ($1, $2)
ON CONFLICT (challenge_hash) DO NOTHING RETURNING true
"""


class Purpose(StrEnum):
    """The purpose of a challenge: to register a passkey, or to authenticate with one."""

    REGISTER = "register"
    AUTHENTICATE = "authenticate"


def new(settings: AuthSettings, purpose: Purpose, browser: str) -> bytes:
    """Return a challenge for the browser whose cookie has this secret."""
    expires = int(time.time()) + LIFETIME
    head = secrets.token_bytes(RANDOM_BYTES) + expires.to_bytes(TIME_BYTES)
    return head + _signature(settings, purpose, browser, head)


def is_good(settings: AuthSettings, purpose: Purpose, browser: str, challenge: bytes) -> bool:
    """Return whether the challenge was made for this purpose and browser, and has not expired."""
    if len(challenge) != LENGTH or not is_secret(browser):
        return False
    head, signature = challenge[:-SIGNATURE_BYTES], challenge[-SIGNATURE_BYTES:]
    genuine = hmac.compare_digest(signature, _signature(settings, purpose, browser, head))
    return genuine and _expires(challenge) > time.time()


async def use(connection: Lent, challenge: bytes) -> bool:
    """Mark a good challenge as used, in this transaction; return False if it was already."""
    expires = datetime.fromtimestamp(_expires(challenge), UTC)
    is_first = await connection.fetchval(USE, sha256(challenge).digest(), expires)
    return bool(is_first)


def _expires(challenge: bytes) -> int:
    return int.from_bytes(challenge[RANDOM_BYTES : RANDOM_BYTES + TIME_BYTES])


def _signature(settings: AuthSettings, purpose: Purpose, browser: str, head: bytes) -> bytes:
    return keyed_digest(settings, f"passkey challenge: {purpose}", f"{browser}\0{head.hex()}")
