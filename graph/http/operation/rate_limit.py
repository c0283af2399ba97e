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
        bucket, now = self._bucket(principal), self._clock()
        left, units = bucket.left(now), self._units(cost)
        if units > left:
            wait = math.ceil(bucket.wait(units, now))
            raise Problem(
                "RATE_LIMITED",
                f"The rate limit is exceeded: the operation costs {units:g}, {int(left)} are left,"
                f" and {self._rate:g} per second are added.",
                limit="cost rate",
                principal=self.kind,
                retryAfter=max(wait, 1),
            )

    def take(self, principal: Hashable, cost: int) -> float:
        """Take the tokens of an operation of this cost, which are there; return their number."""
        units = self._units(cost)
        self._bucket(principal).take(units, self._clock())
        return units

    def give_back(self, principal: Hashable, cost: int) -> None:
        """Return the tokens that an operation took beyond the rows it read."""
        self._bucket(principal).take(-cost, self._clock())

    def spent_elsewhere(self, principal: Hashable, units: float) -> None:
        """Take the tokens that a principal has spent in other processes, down to a debt."""
        self._bucket(principal).take(units, self._clock(), debt=self._burst)

    def left(self, principal: Hashable) -> tuple[float, float]:
        """Return the tokens that are left, and the seconds until the bucket is full."""
        left = self._bucket(principal).left(self._clock())
        return left, (self._burst - left) / self._rate

    def share_left(self, principal: Hashable) -> float:
        """Return the part of the bucket that is left."""
        return self._bucket(principal).left(self._clock()) / self._burst

    def is_much(self, units: float) -> bool:
        """Return whether other processes are notified of so many tokens: 1 % of a bucket."""
        return abs(units) * 100 >= self._burst

    def _units(self, cost: int) -> float:
        return min(cost + BASE, self._burst)

    def _bucket(self, principal: Hashable) -> TokenBucket:
        bucket = self._buckets.get(principal)
        if bucket is None:
            bucket = self._buckets[principal] = TokenBucket(self._rate, self._burst, self._clock())
            if len(self._buckets) > CACHE_SIZE:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(principal)
        return bucket
