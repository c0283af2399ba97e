"""Rate limits of failed sign-ins and mails: failures delay the next attempts, and lock nobody out.

Failures are counted for an address, for a network, and for the address from the network. Each count
decays with time. Past its allowance the wait doubles with every failure, up to a limit: 1, 3, 7, 15
seconds. The count from one network is strict. That of the address alone, from anywhere, is lenient
and its wait short, because an attacker who knows an address can raise it; a browser or a network
that its owner has signed in from has a count of its own in its place, so that this does not delay
them.

An attempt counts as failed until it has succeeded, so that attempts at the same moment wait for
each other. Counts are stored in PostgreSQL: all processes share them, and they outlive a restart.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from math import ceil
from typing import NamedTuple
from uuid import UUID

from auth.secret import keyed_digest
from auth.settings import AuthSettings
from db.pool import Lent
from db.problem import Problem


class Count(NamedTuple):
    """One count of failures and its limits.

    Up to `allowed` failures bring no wait, `sinks` are subtracted a second, no wait is longer than
    `longest` seconds. A sign-in takes the attempt back, and clears the count if it is `theirs`.
    """

    subject: bytes
    allowed: int
    sinks: float
    longest: float
    theirs: bool


INITIAL_DELAY = 1.0
"""Seconds of the first wait."""

# After n failures it is FIRST_WAIT * (2 ** (n - allowed + 1) - 1) seconds: none while n < allowed.
ADMIT = """
INSERT INTO sign_in_attempts AS a (subject, level, counted_at) VALUES ($1, 1, now())
ON CONFLICT (subject) DO UPDATE
SET level = greatest(0, a.level - extract(epoch FROM now() - a.counted_at) * $3::float8) + 1,
    counted_at = now()
WHERE a.counted_at + make_interval(secs =>
        least($4::float8,
            $5::float8 * (power(2, greatest(-1, least(a.level - $2::float8 + 1, 40))) - 1)))
    <= now()
RETURNING level
"""
ADD = """
INSERT INTO sign_in_attempts AS a (subject, level, counted_at) VALUES ($1, 1, now())
ON CONFLICT (subject) DO UPDATE
SET level = greatest(0, a.level - extract(epoch FROM now() - a.counted_at) * $2::float8) + 1,
    counted_at = now()
"""
WAIT = """
SELECT least($3::float8,
        $4::float8 * (power(2, greatest(-1, least(level - $2::float8 + 1, 40))) - 1))
    - extract(epoch FROM now() - counted_at)::float8
FROM sign_in_attempts WHERE subject = $1
"""
TAKE_BACK = "UPDATE sign_in_attempts SET level = greatest(0, level - 1) WHERE subject = $1"
CLEAR = "DELETE FROM sign_in_attempts WHERE subject = $1"


ONCE_A_DAY = """
INSERT INTO sign_in_attempts AS a (subject, level, counted_at) VALUES ($1, 1, now())
ON CONFLICT (subject) DO UPDATE SET counted_at = now()
WHERE a.counted_at < now() - interval '1 day'
RETURNING true
"""

MAILS, MAIL_WINDOW = 3, 3600
"""Mails to an address that one network may request without a wait, in so many seconds."""
INVITATIONS = 200
"""Invitations that one person may mail, to whatever addresses, in as many seconds."""


def counts(
    settings: AuthSettings,
    email: str,
    ip: str | None,
    browser: str | None = None,
    *,
    known_network: bool = False,
) -> list[Count]:
    """Return the counts of a sign-in attempt for this address and network, in the order of locking.

    A known `browser` has one count of its own; a known network leaves out the count from anywhere.
    """
    allowed, window = settings.sign_in_attempts, settings.sign_in_window
    if browser is not None:
        subject = keyed_digest(settings, "address and browser", f"{email}\0{browser}")
        return [Count(subject, allowed, allowed / window, window, theirs=True)]
    found = _counts(settings, "", email, ip, allowed, window, short=60)
    if known_network:
        others = of_address(settings, email)
        return [count for count in found if count.subject != others.subject]
    return found


def of_address(settings: AuthSettings, email: str) -> Count:
    """Return the count of every attempt for this address, wherever it comes from."""
    allowed = 3 * settings.sign_in_attempts
    subject = keyed_digest(settings, "address", email)
    return Count(subject, allowed, allowed / settings.sign_in_window, 60, theirs=True)


def mail_counts(settings: AuthSettings, email: str, ip: str | None) -> list[Count]:
    """Return the counts of a mail to this address, requested there, in the order of locking."""
    return _counts(settings, "mail: ", email, ip, MAILS, MAIL_WINDOW, short=600)


def invitation_counts(
    settings: AuthSettings, email: str, organization: UUID, person: UUID
) -> list[Count]:
    """Return the counts of an invitation mailed to this address, in the order of locking."""

    def count(kind: str, of: str, most: int) -> Count:
        key = keyed_digest(settings, f"invitation: {kind}", of)
        return Count(key, most, most / MAIL_WINDOW, MAIL_WINDOW, theirs=False)

    return in_order(
        count("address and organization", f"{email}\0{organization}", MAILS),
        count("address", email, 3 * MAILS),
        count("person", str(person), INVITATIONS),
    )


def approval_counts(settings: AuthSettings, most: int) -> list[Count]:
    """Return the counts of mails to the approvers, `most` in the window."""
    key = keyed_digest(settings, "approval", "")
    return [Count(key, most, most / MAIL_WINDOW, MAIL_WINDOW, theirs=False)]


def code_counts(settings: AuthSettings, person: str, ip: str | None) -> list[Count]:
    """Return the counts of an attempt at a code of this person, whose password was right.

    Nobody without the password can raise these counts, so that the waits may be longer.
    """
    allowed, window = settings.sign_in_attempts, settings.sign_in_window
    return _counts(settings, "code: ", person, ip, allowed, window, short=600)


def user_code_counts(settings: AuthSettings, person: str, ip: str | None) -> list[Count]:
    """Return the counts of an attempt at the code of a device, by this person."""
    allowed, window = settings.sign_in_attempts, settings.sign_in_window
    return _counts(settings, "user code: ", person, ip, allowed, window, short=600)


def share_counts(settings: AuthSettings, share: str, ip: str | None) -> list[Count]:
    """Return the counts of an attempt at the password of a share, in the order of locking."""
    allowed, window = settings.sign_in_attempts, settings.sign_in_window
    return _counts(settings, "share: ", share, ip, allowed, window, short=60)


def _counts(
    settings: AuthSettings,
    prefix: str,
    email: str,
    ip: str | None,
    allowed: int,
    window: int,
    short: float,
) -> list[Count]:
    network = network_of(ip)

    def count(kind: str, of: str, times: int, longest: float, *, theirs: bool) -> Count:
        most = allowed * times
        subject = keyed_digest(settings, f"{prefix}{kind}", of)
        return Count(subject, most, most / window, longest, theirs)

    return in_order(
        count("address and network", f"{email}\0{network}", 1, window, theirs=True),
        count("address", email, 3, short, theirs=True),
        count("network", network, 10, window, theirs=False),
    )


def in_order(*counts: Count) -> list[Count]:
    """Return the counts in the order of locking, the same for all callers."""
    return sorted(counts)


def network_of(ip: str | None, ipv6_bits: int = 64) -> str:
    """Return the /24 or /64 of an address: about one household or office."""
    if ip is None:
        return "unknown"
    address = ip_address(ip)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    length = 24 if isinstance(address, IPv4Address) else ipv6_bits
    return str(ip_network((address, length), strict=False))


async def admit(connection: Lent, counts: list[Count], what: str = "failed sign-ins") -> None:
    """Count one attempt, or raise RATE_LIMITED with `retryAfter` seconds and count nothing."""
    async with connection.transaction():
        for count in counts:
            level = await connection.fetchval(
                ADMIT,
                count.subject,
                float(count.allowed),
                count.sinks,
                count.longest,
                INITIAL_DELAY,
            )
            if level is None:
                seconds = await connection.fetchval(
                    WAIT, count.subject, float(count.allowed), count.longest, INITIAL_DELAY
                )
                raise too_many(seconds, what)


async def require_no_wait(connection: Lent, counts: list[Count], what: str) -> None:
    """Raise RATE_LIMITED when an attempt would have to wait, and count nothing."""
    for count in counts:
        seconds = await connection.fetchval(
            WAIT, count.subject, float(count.allowed), count.longest, INITIAL_DELAY
        )
        if seconds is not None and seconds > 0:
            raise too_many(seconds, what)


async def is_attacked(connection: Lent, settings: AuthSettings, email: str) -> bool:
    """Return whether failures for this address delay others; True at most once a day."""
    count = of_address(settings, email)
    known = (count.subject, float(count.allowed), count.longest, INITIAL_DELAY)
    if (await connection.fetchval(WAIT, *known) or 0) <= 0:
        return False
    told = keyed_digest(settings, "told of an attack", email)
    return bool(await connection.fetchval(ONCE_A_DAY, told))


async def count_all(connection: Lent, counts: list[Count]) -> None:
    """Count a known failure, whatever the level of the counts."""
    async with connection.transaction():
        for count in counts:
            await connection.execute(ADD, count.subject, count.sinks)


async def take_back(connection: Lent, counts: list[Count]) -> None:
    """Subtract an admitted attempt that did not take place, because the gateway was busy."""
    for count in counts:
        await connection.execute(TAKE_BACK, count.subject)


async def forgive(connection: Lent, counts: list[Count]) -> None:
    """Clear the counts of this person after a success, and subtract the attempt from the network.

    The network's count stays, or else an attacker could reset it with an account of their own.
    """
    for count in counts:
        await connection.execute(CLEAR if count.theirs else TAKE_BACK, count.subject)


async def clear(connection: Lent, counts: list[Count]) -> None:
    """Clear the counts of this person, who has proved their identity otherwise."""
    for count in counts:
        if count.theirs:
            await connection.execute(CLEAR, count.subject)


def too_many(seconds: float | None, what: str) -> Problem:
    """Return the error for an attempt that has to wait because there were too many of these."""
    wait = max(1, ceil(seconds or 1))
    return Problem(
        "RATE_LIMITED",
        f"Too many {what}. Try again in {wait} second{'' if wait == 1 else 's'}.",
        retryAfter=wait,
    )
