"""Rate limits of each principal: token buckets whose tokens are units of cost."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from db.problem import Problem
from graph.kit.token_bucket import TokenBucket

BASE = 10
"""Units that every operation takes beside its cost, for being read and answered."""
REMEMBERED = 100_000
"""Buckets that are kept; one that is forgotten is full again."""


class RateLimit:
    """A bucket for each principal, of `burst` units, which fills by `rate` units a second.

    Every process counts for itself. The time is in seconds, from a clock that never goes back.
    """

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def spend(self, principal: Hashable, cost: int) -> None:
        """Take the tokens of an operation of this cost. Raises RATE_LIMITED with `retryAfter`."""
        bucket, now = self._bucket(principal), self._clock()
        left, units = bucket.left(now), min(cost + BASE, self._burst)
        if units > left:
            wait = math.ceil(bucket.wait(units, now))
            raise Problem(
                "RATE_LIMITED",
                f"You ask for more than there is: the operation costs {units:g}, {int(left)} are"
                f" left, and {self._rate:g} a second come back.",
                limit="cost rate",
                retryAfter=max(wait, 1),
            )
        bucket.take(units, now)

    def give_back(self, principal: Hashable, cost: int) -> None:
        """Return the tokens that an operation took beyond the rows it read."""
        self._bucket(principal).take(-cost, self._clock())

    def _bucket(self, principal: Hashable) -> TokenBucket:
        bucket = self._buckets.get(principal)
        if bucket is None:
            bucket = self._buckets[principal] = TokenBucket(self._rate, self._burst, self._clock())
            if len(self._buckets) > REMEMBERED:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(principal)
        return bucket
