"""Passwords: rules for new ones, and their hashing and verification off the event loop.

Hashes are Argon2id (RFC 9106) with 19 MiB of memory and two passes. One takes about 20 ms of a
core, so at most two run at once, a few wait for their turn, and the rest are refused as BUSY.
"""

import asyncio
import re
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import BoundedSemaphore
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from db.problem import Problem

MIN_LENGTH = 12
"""Characters, at least, counted after normalisation."""

MAX_BYTES = 1024
"""Bytes of UTF-8, at most: room for a long passphrase, too little to keep a worker busy."""

WORKERS, WAITING = 2, 20

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

UNKNOWN = HASHER.hash("nobody has this password")
"""Verified in place of a hash where the person is unknown, so that it takes the same time."""

MIN_VARIETY = 5
"""Different characters, at least; fewer make `aaaaaaaaaaaa` and `121212121212`."""

OWN_COMMON_PASSWORDS = frozenset(
    """
    abc abcd abcde abcdef administrator changemenow please letmeinplease passphrase
    passwordpassword qwertyuiopasdfghjkl requirements secretpassword supersecret
    temporarypassword testpassword testtest thisismypassword user welcomehome
    """.split()  # noqa: SIM905 (a list of words reads best as words)
)
"""Passwords that are common on this gateway and in no list."""

SEQUENCES = (
    "01234567890123456789",
    "09876543210987654321",
    "1q2w3e4r5t6y7u8i9o0p",
    "abcdefghijklmnopqrstuvwxyz",
)

_threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="password")
_places = BoundedSemaphore(WORKERS + WAITING)

T = TypeVar("T")


@cache
def _common() -> frozenset[str]:
    """Return the commonest passwords without the digits and signs around them.

    They are loaded when somebody first chooses a password: most processes never need the 13 MB.
    """
    from zxcvbn.frequency_lists import (  # type: ignore[import-untyped]  # noqa: PLC0415 (on demand)
        FREQUENCY_LISTS,
    )

    return frozenset(FREQUENCY_LISTS["passwords"]) | OWN_COMMON_PASSWORDS


def normalised(password: str) -> str | None:
    """Return the password in NFC, the same from every keyboard; None when it cannot be one."""
    password = unicodedata.normalize("NFC", password)
    try:
        size = len(password.encode())
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    return password if "\0" not in password and size <= MAX_BYTES else None


def acceptable(password: str, email: str) -> str:
    """Return the password, normalised, if this person may use it. Raises INVALID otherwise."""
    candidate = normalised(password)
    if candidate is None:
        raise _refused(f"A password has at most {MAX_BYTES} bytes, and no NUL among them.")
    if len(candidate) < MIN_LENGTH:
        raise _refused(f"A password has at least {MIN_LENGTH} characters.")
    plain = candidate.casefold()
    if plain in {email.casefold(), email.casefold().partition("@")[0]}:
        raise _refused("A password differs from the e-mail address.")
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    unit = core[: (core + core).find(core, 1)]  # what it repeats: qwerty in qwertyqwerty
    if (
        {core, unit} & _common()
        or len(set(plain)) < MIN_VARIETY
        or any(plain in run for run in SEQUENCES)
    ):
        raise _refused("This password is one of the commonest; choose another.")
    return candidate


async def hashed(password: str) -> str:
    """Return the Argon2id hash of a normalised password, in the PHC format. Raises BUSY."""
    return await _beside(lambda: HASHER.hash(password))


async def verified(password: str, hash: str | None) -> bool:
    """Return whether the hash is that of this password; without a hash, False after the same time.

    Raises BUSY when too many others wait.
    """

    def verify() -> bool:
        try:
            return HASHER.verify(hash or UNKNOWN, password) and hash is not None
        except (VerificationError, InvalidHashError):
            return False

    return await _beside(verify)


def outdated(hash: str) -> bool:
    """Return whether the hash has other parameters than new ones get."""
    return HASHER.check_needs_rehash(hash)


async def _beside(work: Callable[[], T]) -> T:
    if not _places.acquire(blocking=False):
        raise Problem("BUSY", "Too many people are signing in right now; try again in a moment.")
    future = _threads.submit(work)
    future.add_done_callback(lambda _: _places.release())  # also when the caller went away
    return await asyncio.wrap_future(future)


def _refused(message: str) -> Problem:
    return Problem("INVALID", message, field=("password",))
