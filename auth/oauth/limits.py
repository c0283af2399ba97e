"""How often an application, and a network, may call; wrong secrets slow down those that follow."""

from auth import throttle
from auth.secret import keyed_digest
from auth.settings import AuthSettings
from auth.throttle import Count
from db.pool import NOBODY, Database

MINUTE = 60
OF_A_NETWORK = 10
"""So many times as much may come from one network, whichever applications it names."""

REGISTRATIONS, REGISTRATION_WINDOW = 20, 3600
"""Applications that may be registered from one network without a wait, in so many seconds."""
FROM_ANYWHERE = 50
"""So many times as much from all networks together, of which some people have very many."""


class Limits:
    """The limits of one request to an endpoint that applications call."""

    def __init__(
        self, database: Database, settings: AuthSettings, client_id: str, ip: str | None
    ) -> None:
        self._database = database
        named, wrong = (settings, client_id, ip), settings.sign_in_attempts
        self._calls = _counts("calls", *named, settings.client_requests, MINUTE)
        self._failures = _counts("failures", *named, wrong, settings.sign_in_window)

    async def admit(self) -> None:
        """Count a call. Raises RATE_LIMITED with `retryAfter` seconds."""
        async with self._database.auth.lend(NOBODY) as lent:
            await throttle.require_no_wait(lent, self._failures, "failed authentications")
            await throttle.admit(lent, self._calls, "requests")

    async def failed(self) -> None:
        """Count a wrong secret."""
        async with self._database.auth.lend(NOBODY) as lent:
            await throttle.count_all(lent, self._failures)


async def admit_visit(
    database: Database, settings: AuthSettings, client_id: str, ip: str | None
) -> None:
    """Count a browser that an application has sent here. Raises RATE_LIMITED with `retryAfter`.

    They are no calls: who calls too often for an application keeps nobody's browser out.
    """
    counts = _counts("visits", settings, client_id, ip, settings.client_requests, MINUTE)
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts, "requests")


def _counts(
    kind: str, settings: AuthSettings, client_id: str, ip: str | None, allowed: int, seconds: int
) -> list[Count]:
    """So many in so many seconds from a network for an application, and for all of them."""
    network = throttle.network_of(ip)

    def count(whose: str, of: str, most: int) -> Count:
        subject = keyed_digest(settings, f"oauth {kind} {whose}", of)
        return Count(subject, most, most / seconds, seconds, theirs=False)

    return throttle.in_order(
        count("of client", f"{client_id}\0{network}", allowed),
        count("from network", network, allowed * OF_A_NETWORK),
    )


async def admit_registration(database: Database, settings: AuthSettings, ip: str | None) -> None:
    """Count an application that registers itself. Raises RATE_LIMITED with `retryAfter` seconds."""

    def count(of: str, allowed: int, longest: int) -> Count:
        subject = keyed_digest(settings, "oauth registrations", of)
        return Count(subject, allowed, allowed / REGISTRATION_WINDOW, longest, theirs=False)

    counts = throttle.in_order(
        count(throttle.network_of(ip), REGISTRATIONS, REGISTRATION_WINDOW),
        count("anywhere", REGISTRATIONS * FROM_ANYWHERE, MINUTE),
    )
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts, "registrations")
