"""The codes that people carry by hand from a device to a browser (RFC 8628, section 6.1).

Eight consonants, which spell no words and are not taken for digits: 34 bits, good for ten minutes
and few guesses. A table of all their digests would fit on a disk, so what is kept is keyed.
"""

import re

from authlib.oauth2.rfc8628.endpoint import create_string_user_code

from auth.secret import keyed_digest
from auth.settings import AuthSettings

DEVICE_PAGE = "/device"
"""Where they are entered."""

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
USER_CODE = re.compile(rf"[{LETTERS}]{{8}}")
BETWEEN = re.compile(r"[\s\-\u2010-\u2015]")
"""What people put between the letters: white space, and the dashes their keyboards make."""
LONGEST = 40


def new_user_code() -> str:
    """A code as devices show it: `WDJB-MJHT`."""
    code: str = create_string_user_code()
    return code


def read_user_code(text: str) -> str | None:
    """The code that somebody has typed, as devices show it; None when it cannot be one."""
    code = BETWEEN.sub("", text[:LONGEST]).upper()
    return f"{code[:4]}-{code[4:]}" if USER_CODE.fullmatch(code) else None


def kept_user_code(settings: AuthSettings, code: str) -> str:
    """What is kept of it, by which it is found: comparing tells nothing about other codes."""
    return keyed_digest(settings, "user code", code).hex()
