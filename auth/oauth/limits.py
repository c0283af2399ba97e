"""Rate limits of calls by application and network; wrong secrets delay further wrong ones."""

from collections.abc import Mapping
from typing import Any

from auth.credentials import throttle
from auth.credentials.throttle import Count
from auth.oauth.clients import is_kept_as
from auth.oauth.requests import is_clean
from auth.secret import keyed_digest
from auth.settings import AuthSettings
from db.pool import NOBODY, Database

MINUTE = 60
OF_A_NETWORK = 10
"""The factor for one network, whichever applications it names."""

REGISTRATIONS, REGISTRATION_WINDOW = 20, 3600
"""Applications that may be registered from one network without a wait, in so many seconds."""
FROM_ANYWHERE = 50
"""The factor for all networks together: some people have very many."""


KEPT = """
SELECT is_public, client_secret, registration_token,
    CASE WHEN former_secret_expires_at > now() THEN former_secret END AS former_secret
FROM oauth_clients
WHERE client_id = $1 AND disabled_at IS NULL
"""


class Limits:
    """The limits of one request to an endpoint that applications call.

    A secret of 256 bits cannot be guessed: a request with the right one never waits for others, be
    they wrong or many in the same network. `secret` is the one in the request, a registration token
    included; empty for none. `asserted` says whether a signed assertion is right; None without one.
    """

    def __init__(
        self,
        database: Database,
        settings: AuthSettings,
        client_id: str,
        ip: str | None,
        secret: str = "",
        *,
        asserted: bool | None = None,
    ) -> None:
        self._database, self._client_id, self._secret = database, client_id, secret
        self._asserted = asserted
        named, wrong = (settings, client_id, ip), settings.sign_in_attempts
        self._calls = _counts("calls", *named, settings.client_requests, MINUTE)
        self._proved = _counts("proved calls", *named, settings.client_requests, MINUTE, alone=True)
        self._failures = _counts("failures", *named, wrong, settings.sign_in_window)

    async def admit(self) -> None:
        """Count a call. Raises RATE_LIMITED with `retryAfter` seconds."""
        async with self._database.auth.lend(NOBODY) as lent:
            row = await lent.fetchrow(KEPT, self._client_id) if self._is_name else None
            if self._asserted or (row and self._secret and _holds(row, self._secret)):
                await throttle.admit(lent, self._proved, "requests")
                return
            if self._secret or self._asserted is False or not (row and row["is_public"]):
                await throttle.require_no_wait(lent, self._failures, "failed authentications")
            await throttle.admit(lent, self._calls, "requests")

    async def failed(self) -> None:
        """Count a wrong secret."""
        async with self._database.auth.lend(NOBODY) as lent:
            await throttle.count_all(lent, self._failures)

    @property
    def _is_name(self) -> bool:
        return self._client_id.isascii() and is_clean(self._client_id)


def _holds(row: Mapping[str, Any], secret: str) -> bool:
    """Return whether this is one of the application's secrets."""
    kept = (row["client_secret"], row["former_secret"], row["registration_token"])
    return any(is_kept_as(secret, digested) for digested in kept)


async def admit_visit(
    database: Database, settings: AuthSettings, client_id: str, ip: str | None
) -> None:
    """Count a browser that an application has sent here. Raises RATE_LIMITED with `retryAfter`.

    These are not counted as calls: too many calls for an application delay nobody's browser.
    """
    counts = _counts("visits", settings, client_id, ip, settings.client_requests, MINUTE)
    async with database.auth.lend(NOBODY) as lent:
        await throttle.admit(lent, counts, "requests")


def _counts(
    kind: str,
    settings: AuthSettings,
    client_id: str,
    ip: str | None,
    allowed: int,
    seconds: int,
    *,
    alone: bool = False,
) -> list[Count]:
    """Return the counts: of a client from a network and, unless `alone`, of the network."""
    network = throttle.network_of(ip)

    def count(whose: str, of: str, most: int) -> Count:
        subject = keyed_digest(settings, f"oauth {kind} {whose}", of)
        return Count(subject, most, most / seconds, seconds, theirs=False)

    own = count("of client", f"{client_id}\0{network}", allowed)
    if alone:
        return [own]
    return throttle.in_order(own, count("from network", network, allowed * OF_A_NETWORK))


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
