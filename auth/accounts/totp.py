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
"""Codes before and after the current one that are accepted, too: clocks differ, and people type."""
SECRET_BYTES = 20


def new_secret() -> bytes:
    """Return a new secret for an app."""
    return secrets.token_bytes(SECRET_BYTES)


def code_at(secret: bytes, step: int) -> str:
    """Return the code of this time step (RFC 4226, section 5.3)."""
    mac = hmac.digest(secret, step.to_bytes(8), "sha1")
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4]) & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def present_step() -> int:
    """Return the current time step."""
    return int(time.time()) // PERIOD


def step_of(secret: bytes, text: str) -> int | None:
    """Return the time step, within DRIFT of the current one, of this code; None for a wrong one."""
    code = re.sub(r"[\s-]", "", text)
    if not re.fullmatch(rf"[0-9]{{{DIGITS}}}", code):
        return None
    now, found = present_step(), None
    for step in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step), code):
            found = step
    return found


def in_letters(secret: bytes) -> str:
    """Return the secret in base32, in groups of four, to be typed into an app."""
    return " ".join(re.findall(".{4}", b32encode(secret).decode()))


def address(secret: bytes, email: str, issuer: str) -> str:
    """Return the secret as an `otpauth:` address, which apps read from a QR code."""
    letters, label = b32encode(secret).decode(), f"{quote(issuer)}:{quote(email)}"
    return (
        f"otpauth://totp/{label}?secret={letters}&issuer={quote(issuer)}"
        f"&algorithm=SHA1&digits={DIGITS}&period={PERIOD}"
    )
