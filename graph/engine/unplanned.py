"""Operations that the engine does not take, and why."""

from typing import Literal

Reason = Literal["introspection", "directive", "variables", "error"]
"""Why graphql-core runs an operation, or runs it again."""


class Unplanned(Exception):
    """The engine does not take this operation."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
