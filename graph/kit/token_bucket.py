"""The token bucket of all rate limits."""


class TokenBucket:
    """Hold up to `burst` tokens, refilled at `rate` a second; a new one is full.

    The caller gives the time, in seconds of a monotonic clock.
    """

    __slots__ = ("_at", "_left", "burst", "rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate, self.burst = rate, burst
        self._left, self._at = burst, now

    def left(self, now: float) -> float:
        """Return the tokens that there are now; fewer than none after `take` into debt."""
        left = self._left + (now - self._at) * self.rate
        return min(self.burst, left)

    def take(self, tokens: float, now: float, *, debt: float = 0.0) -> None:
        """Take tokens, down to a debt of so many; a negative number returns some."""
        self.keep(min(max(self.left(now) - tokens, -debt), self.burst), now)

    def keep(self, left: float, now: float) -> None:
        """Have so many tokens left now."""
        self._left, self._at = left, now

    def wait(self, tokens: float, now: float) -> float:
        """Return the seconds until there are so many tokens; 0 when there are."""
        return max(0.0, (tokens - self.left(now)) / self.rate)

    def is_full(self, now: float) -> bool:
        """Return whether nothing was taken lately."""
        return self.left(now) >= self.burst
