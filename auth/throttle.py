"""Failed sign-ins slow down those that follow, and never lock anybody out.

Failures are counted for an address, for a network, and for the address from the network. Each count
sinks with time. Past its allowance the wait doubles with every failure, up to a limit: 1, 3, 7, 15
seconds. The count from one network is strict. That of the address alone, from anywhere, is lenient
and its wait short, because whoever knows an address can raise it and must not keep its owner out.

An attempt counts as failed until it has succeeded, so that attempts at the same moment wait for
each other. Counts stand in PostgreSQL: all processes share them, and they outlive a restart.
"""

import hmac
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from math import ceil
from typing import NamedTuple

from auth.settings import AuthSettings
from db.pool import Lent
from db.problem import Problem


class Count(NamedTuple):
    """One count of failures and its limits.

    Up to `allowed` failures bring no wait, `sinks` are forgotten a second, no wait is longer than
    `longest` seconds. Whoever signs in has the count taken back, and cleared if it is `theirs`.
    """

    subject: bytes
    allowed: int
    sinks: float
    longest: float
    theirs: bool


# After n failures the wait is 2 ** (n - allowed + 1) - 1 seconds: none while n < allowed.
ADMIT = """
INSERT INTO sign_in_attempts AS a (subject, level, counted_at) VALUES ($1, 1, now())
ON CONFLICT (subject) DO UPDATE
SET level = greatest(0, a.level - extract(epoch FROM now() - a.counted_at) * $3::float8) + 1,
    counted_at = now()
WHERE a.counted_at
    + make_interval(secs => least($4::float8, power(2, least(a.level - $2::float8 + 1, 40)) - 1))
    <= now()
RETURNING level
"""
WAIT = """
SELECT least($3::float8, power(2, least(level - $2::float8 + 1, 40)) - 1)
    - extract(epoch FROM now() - counted_at)::float8
FROM sign_in_attempts WHERE subject = $1
"""
TAKE_BACK = "UPDATE sign_in_attempts SET level = greatest(0, level - 1) WHERE subject = $1"
CLEAR = "DELETE FROM sign_in_attempts WHERE subject = $1"
CLEAN = """
DELETE FROM sign_in_attempts WHERE subject IN (
    SELECT subject FROM sign_in_attempts WHERE counted_at < now() - interval '2 days'
    LIMIT 10 FOR UPDATE SKIP LOCKED)
"""
"""Counts that have long sunk to nothing; more of them a time than one attempt can add."""


def counts(settings: AuthSettings, email: str, ip: str | None) -> list[Count]:
    """What an attempt for this address from there counts for, in the order of locking."""
    network = network_of(ip)
    allowed, window = settings.sign_in_attempts, settings.sign_in_window

    def count(kind: str, of: str, times: int, longest: float, *, theirs: bool) -> Count:
        key = settings.gateway_secret.get_secret_value().encode()
        subject = hmac.new(key, f"{kind}\0{of}".encode(), sha256).digest()
        return Count(subject, allowed * times, allowed * times / window, longest, theirs)

    return sorted(
        [
            count("address and network", f"{email}\0{network}", 1, window, theirs=True),
            count("address", email, 3, 60, theirs=True),
            count("network", network, 10, window, theirs=False),
        ]
    )


def network_of(ip: str | None) -> str:
    """The /24 or /64 of an address: one household or office, as far as one can tell."""
    if ip is None:
        return "unknown"
    address = ip_address(ip)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    length = 24 if isinstance(address, IPv4Address) else 64
    return str(ip_network((address, length), strict=False))


async def admit(connection: Lent, counts: list[Count]) -> None:
    """Count one attempt, or raise RATE_LIMITED with `retryAfter` seconds and count nothing."""
    async with connection.transaction():
        for count in counts:
            level = await connection.fetchval(
                ADMIT, count.subject, float(count.allowed), count.sinks, count.longest
            )
            if level is None:
                seconds = await connection.fetchval(
                    WAIT, count.subject, float(count.allowed), count.longest
                )
                raise too_many(seconds)
        await connection.execute(CLEAN)


async def take_back(connection: Lent, counts: list[Count]) -> None:
    """Forget one attempt that has been admitted and was none, because the gateway was busy."""
    for count in counts:
        await connection.execute(TAKE_BACK, count.subject)


async def forgive(connection: Lent, counts: list[Count]) -> None:
    """The attempt has succeeded: clear the counts of this person, take it back from the network.

    The network's count stays, or else an account of one's own would reset it.
    """
    for count in counts:
        await connection.execute(CLEAR if count.theirs else TAKE_BACK, count.subject)


def too_many(seconds: float | None) -> Problem:
    """The answer to an attempt that has to wait."""
    wait = max(1, ceil(seconds or 1))
    return Problem(
        "RATE_LIMITED",
        f"Too many failed sign-ins. Try again in {wait} second{'' if wait == 1 else 's'}.",
        retryAfter=wait,
    )
