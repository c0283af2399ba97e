"""User codes: people type them from a device into a browser (RFC 8628, section 6.1).

Eight consonants, which spell no words and are not taken for digits: 34 bits, good for ten minutes
and few guesses. A table of all their digests would fit on a disk, so the stored digest is keyed.
"""

import re

from authlib.oauth2.rfc8628.endpoint import create_string_user_code

from auth.secret import keyed_digest
from auth.settings import AuthSettings

DEVICE_PAGE = "/device"
"""The path of the page to enter them."""

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
USER_CODE = re.compile(rf"[{LETTERS}]{{8}}")
BETWEEN = re.compile(r"[\s\-\u2010-\u2015]")
"""Separators that people type: white space, and the dashes of their keyboards."""
MAX_LENGTH = 40


def new_user_code() -> str:
    """Return a new code as devices show it: `WDJB-MJHT`."""
    code: str = create_string_user_code()
    return code


def read_user_code(text: str) -> str | None:
    """Return the code that somebody has typed, as devices show it; None when it cannot be one."""
    code = BETWEEN.sub("", text[:MAX_LENGTH]).upper()
    return f"{code[:4]}-{code[4:]}" if USER_CODE.fullmatch(code) else None


def kept_user_code(settings: AuthSettings, code: str) -> str:
    """Return the keyed digest that is stored in place of the code, by which it is found."""
    return keyed_digest(settings, "user code", code).hex()
