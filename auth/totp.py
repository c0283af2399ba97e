"""Codes of authenticator apps: TOTP with SHA-1, six digits and 30 seconds (RFC 6238, RFC 4226).

SHA-1, because the commonest apps ignore any other choice; as an HMAC it is sound.
"""

import hmac
import re
import secrets
import time
from base64 import b32encode
from urllib.parse import quote

PERIOD = 30
"""Seconds that a code is shown."""
DIGITS = 6
DRIFT = 1
"""Codes before and after the present one that are good, too: clocks differ, and people type."""
SECRET_BYTES = 20


def new_secret() -> bytes:
    """A secret for an app."""
    return secrets.token_bytes(SECRET_BYTES)


def code_at(secret: bytes, step: int) -> str:
    """The code of this time step (RFC 4226, section 5.3)."""
    mac = hmac.digest(secret, step.to_bytes(8), "sha1")
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def present_step() -> int:
    """The time step of this moment."""
    return int(time.time()) // PERIOD


def step_of(secret: bytes, text: str) -> int | None:
    """The time step, of now or next to it, whose code this is; None when it is none."""
    code = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(rf"[0-9]{{{DIGITS}}}", code):
        return None
    now, found = present_step(), None
    for step in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step), code):
            found = step
    return found


def in_letters(secret: bytes) -> str:
    """The secret as people type it into an app, in groups of four."""
    return " ".join(re.findall(".{4}", b32encode(secret).decode()))


def address(secret: bytes, email: str, issuer: str) -> str:
    """The secret as an app reads it from a picture."""
    letters, label = b32encode(secret).decode(), f"{quote(issuer)}:{quote(email)}"
    return (
        f"otpauth://totp/{label}?secret={letters}&issuer={quote(issuer)}"
        f"&algorithm=SHA1&digits={DIGITS}&period={PERIOD}"
    )
