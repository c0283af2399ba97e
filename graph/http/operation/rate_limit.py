"""Rate limits of one kind of principal: token buckets whose tokens are units of cost."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from db.problem import Problem
from graph.kit.token_bucket import TokenBucket

BASE = 10
"""Units that every operation takes beside its cost, for being read and answered."""
CACHE_SIZE = 100_000
"""Buckets that are kept; one that is forgotten is full again."""
Clock = Callable[[], float]
"""Returns the time in seconds, from a clock that never goes back."""


class RateLimit:
    """A bucket for each principal of a kind, of `burst` units, filled by `rate` units a second.

    Every process counts for itself.
    """

    def __init__(
        self, rate: float, burst: float, clock: Clock = time.monotonic, kind: str = "person"
    ) -> None:
        self.kind, self._rate, self._burst, self._clock = kind, rate, burst, clock
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()
        self.policy = f'"{kind}";q={burst:.0f};w={math.ceil(burst / rate)}'
        """The limit as the header `RateLimit-Policy` tells it."""

    def spend(self, principal: Hashable, cost: int) -> None:
        """Take the tokens of an operation of this cost. Raises RATE_LIMITED with `retryAfter`."""
        self.require(principal, cost)
        self.take(principal, cost)

    def require(self, principal: Hashable, cost: int) -> None:
        """Raise RATE_LIMITED with `retryAfter` unless there are tokens for this cost."""
        now = self._clock()
        bucket, units = self.bucket(principal, now), self.units(cost)
        if units > bucket.left(now):
            raise self.refusal(bucket, units, now)

    def refusal(self, bucket: TokenBucket, units: float, now: float) -> Problem:
        """Return RATE_LIMITED with `retryAfter`, for so many tokens of a bucket with fewer."""
        wait = math.ceil(bucket.wait(units, now))
        return Problem(
            "RATE_LIMITED",
            f"The rate limit is exceeded: the operation costs {units:g},"
            f" {int(bucket.left(now))} are left, and {self._rate:g} per second are added.",
            limit="cost rate",
            principal=self.kind,
            retryAfter=max(wait, 1),
        )

    def take(self, principal: Hashable, cost: int) -> float:
        """Take the tokens of an operation of this cost, which are there; return their number."""
        units, now = self.units(cost), self._clock()
        self.bucket(principal, now).take(units, now)
        return units

    def give_back(self, principal: Hashable, cost: int) -> None:
        """Return the tokens that an operation took beyond the rows it read."""
        now = self._clock()
        self.bucket(principal, now).take(-cost, now)

    def spent_elsewhere(self, principal: Hashable, units: float) -> None:
        """Take the tokens that a principal has spent in other processes, down to a debt."""
        now = self._clock()
        self.bucket(principal, now).take(units, now, debt=self._burst)

    def is_much(self, units: float) -> bool:
        """Return whether other processes are notified of so many tokens: 1 % of a bucket."""
        return abs(units) * 100 >= self._burst

    def units(self, cost: int) -> float:
        """Return the tokens that an operation of this cost takes."""
        units = cost + BASE
        return min(self._burst, units)

    def bucket(self, principal: Hashable, now: float) -> TokenBucket:
        """Return the bucket of a principal, a full one if it is not kept."""
        bucket = self._buckets.get(principal)
        if bucket is None:
            bucket = self._buckets[principal] = TokenBucket(self._rate, self._burst, now)
            if len(self._buckets) > CACHE_SIZE:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(principal)
        return bucket
