"""The rate limits of an operation: of its person, credential, application, network and tenant."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

import orjson

from auth.credentials.throttle import network_of
from auth.viewer import Viewer
from db.problem import Problem
from graph.http.operation.rate_limit import Clock, RateLimit
from graph.kit.token_bucket import TokenBucket
from graph.settings import Settings

PERSON, KEY, APPLICATION, NETWORK, ORGANIZATION = range(5)
KINDS = ("person", "key", "application", "network", "organization")
MAX_TOLD = 150
"""Principals of one message to other processes; a message has fewer than 7,900 bytes."""
NETWORKS = 10_000


class Principal(NamedTuple):
    """A principal of one kind, by a digest of its ID, and the part of the cost that it bears."""

    kind: int
    digest: str
    part: float = 1.0


class Charge:
    """The cost of one operation, charged to its principals."""

    __slots__ = ("_buckets", "_limits", "principals")

    def __init__(
        self,
        limits: "RateLimits",
        principals: tuple[Principal, ...],
        buckets: Sequence[TokenBucket],
    ) -> None:
        self._limits, self.principals, self._buckets = limits, principals, buckets

    def spend(self, cost: int) -> None:
        """Take a further cost, which shows while the operation is executed. Raises RATE_LIMITED."""
        self._limits.take(self.principals, cost)

    def give_back(self, cost: int) -> None:
        """Return the cost that the operation did not use."""
        if cost:
            self._limits.give_back(self, cost)

    def headers(self) -> dict[str, str]:
        """Return the headers that tell what is left of the limit that is nearest."""
        return self._limits.headers(self.principals, self._buckets)


class RateLimits:
    """The limits of all kinds. An operation is run if every principal has tokens for it.

    People of several organizations bear their cost in equal parts in each. What was spent here is
    collected for other processes, by digests with the gateway's secret: who reads messages between
    processes learns of nobody.
    """

    def __init__(self, settings: Settings, clock: Clock = time.monotonic) -> None:
        factors = (
            1.0,
            settings.key_cost_factor,
            settings.application_cost_factor,
            settings.network_cost_factor,
            settings.organization_cost_factor,
        )
        rate, burst = settings.cost_per_second, settings.cost_burst
        self._clock = clock
        self._limits = [
            RateLimit(rate * factor, burst * factor, clock, kind)
            for kind, factor in zip(KINDS, factors, strict=True)
        ]
        self._key = settings.gateway_secret.get_secret_value().encode()[:64]
        self._spent: dict[Principal, float] = {}
        self._network: Callable[[str | None], Principal] = lru_cache(NETWORKS)(self._of_network)

    def spend(self, viewer: Viewer, address: str | None, cost: int) -> Charge:
        """Take the cost of an operation of everybody who bears it.

        Raises RATE_LIMITED with `retryAfter` and the kind of `principal`, and takes nothing then.
        """
        principals = (*viewer.derived(self._of_viewer), self._network(address))
        return Charge(self, principals, self.take(principals, cost))

    def take(self, principals: tuple[Principal, ...], cost: int) -> Sequence[TokenBucket]:
        """Take a cost of these principals; return their buckets.

        Raises RATE_LIMITED, and takes nothing then.
        """
        now, asked, limits, spent = self._clock(), [], self._limits, self._spent
        for principal in principals:
            kind, digest, part = principal
            limit = limits[kind]
            bucket, units = limit.bucket(digest, now), limit.units(int(cost * part))
            left = bucket.left(now) - units
            if left < 0:
                raise limit.refusal(bucket, units, now)
            asked.append((principal, bucket, left, units))
        for principal, bucket, left, units in asked:
            bucket.keep(left, now)
            spent[principal] = spent.get(principal, 0.0) + units
        return [bucket for _, bucket, _, _ in asked]

    def give_back(self, charge: Charge, cost: int) -> None:
        """Return the cost that an operation did not use."""
        for principal in charge.principals:
            units = int(cost * principal.part)
            self._limits[principal.kind].give_back(principal.digest, units)
            self._note(principal, -units)

    def headers(
        self, principals: tuple[Principal, ...], buckets: Sequence[TokenBucket]
    ) -> dict[str, str]:
        """Return the headers of an answer; what all of a tenant have left is told to nobody."""
        now, least = self._clock(), math.inf
        for principal, bucket in zip(principals, buckets, strict=True):
            if principal.kind == ORGANIZATION:
                continue
            tokens = bucket.left(now)
            share = tokens / bucket.burst
            if share < least:
                least, left, limit, nearest = share, tokens, self._limits[principal.kind], bucket
        seconds = (nearest.burst - left) / nearest.rate
        return {
            "RateLimit": f'"{limit.kind}";r={max(int(left), 0)};t={math.ceil(seconds)}',
            "RateLimit-Policy": limit.policy,
        }

    # What processes tell each other

    def news(self) -> str | None:
        """Return what was spent here since the last call, for other processes; None if little was.

        The largest are told first, and the rest the next time.
        """
        much = {one: units for one, units in self._spent.items() if self._is_much(one, units)}
        told = sorted(much, key=lambda one: -abs(much[one]))[:MAX_TOLD]
        if not told:
            return None
        for one in told:
            del self._spent[one]
        if len(self._spent) > NETWORKS:  # each of them little
            self._spent.clear()
        return orjson.dumps([[one.kind, one.digest, round(much[one])] for one in told]).decode()

    def hear(self, news: str) -> None:
        """Take the tokens that other processes have reported. Skip unreadable messages."""
        for kind, digest, units in _told(news):
            self._limits[kind].spent_elsewhere(digest, units)

    def _is_much(self, principal: Principal, units: float) -> bool:
        return self._limits[principal.kind].is_much(units)

    def _note(self, principal: Principal, units: float) -> None:
        self._spent[principal] = self._spent.get(principal, 0.0) + units

    def _of_viewer(self, viewer: Viewer) -> tuple[Principal, ...]:
        if viewer.id is None:
            return ()
        found = [Principal(PERSON, self._digest(str(viewer.id)))]
        if viewer.session_id:
            found.append(Principal(KEY, self._digest(viewer.session_id)))
        if viewer.client_id:
            found.append(Principal(APPLICATION, self._digest(viewer.client_id)))
        tenants = viewer.organizations
        if viewer.shared is not None:
            tenants = frozenset({viewer.shared.organization_id})
        part = 1 / max(len(tenants), 1)
        found += [Principal(ORGANIZATION, self._digest(str(id)), part) for id in tenants]
        return tuple(found)

    def _of_network(self, address: str | None) -> Principal:
        return Principal(NETWORK, self._digest(network_of(address)))

    def _digest(self, id: str) -> str:
        return blake2b(id.encode(), key=self._key, digest_size=8).hexdigest()


def _told(news: str) -> Iterator[tuple[int, str, float]]:
    try:
        entries = orjson.loads(news)
    except orjson.JSONDecodeError:
        return
    for entry in entries if isinstance(entries, list) else ():
        match entry:
            case [int(kind), str(digest), int(units)] if 0 <= kind < len(KINDS):
                yield kind, digest, units


def of_refusal(problem: Problem) -> Mapping[str, str]:
    """Return the headers of a refusal: that nothing is left for this principal."""
    kind, wait = problem.extensions.get("principal"), problem.extensions.get("retryAfter")
    return {"RateLimit": f'"{kind}";r=0;t={wait}'} if kind else {}
