"""The cost of using the language model, for those who begin to."""

from dataclasses import dataclass
from math import ceil

PROMPT_TOKENS = 2_000
"""Tokens of instructions and of the form of an answer, at most."""
ASKED = 2
"""Times that the model is asked at most: a second time if its answer is invalid."""


@dataclass(frozen=True)
class ModelTerms:
    """The name of the model, and its price in credits."""

    name: str
    max_tokens: int
    credits_per_1000_tokens: int
    monthly_credits: int

    def price(self, tokens: int) -> int:
        """Return the credits that tokens cost, rounded up."""
        return ceil(tokens * self.credits_per_1000_tokens / 1000)

    def credits_of(self, planned: int | None) -> int:
        """Return the credits of a month: those of the plan, if it has a number of its own."""
        return self.monthly_credits if planned is None else planned

    def most(self, text: str) -> int:
        """Return the credits that a use with this text can cost: a token is a byte or more."""
        tokens = len(text.encode()) + PROMPT_TOKENS + self.max_tokens
        return self.price(ASKED * tokens)
