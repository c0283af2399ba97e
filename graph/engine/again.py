"""Run an operation again with graphql-core, which tells where beneath the root an error is."""

from collections.abc import Callable, Mapping
from typing import Any


class Again(Exception):
    """The answer holds an error beneath the root.

    `resolved` are the values and errors of the resolvers at the root, by the name in the answer.
    """

    def __init__(self, resolved: Mapping[str, Any]) -> None:
        super().__init__()
        self.resolved = resolved


class Resolved:
    """Answers for fields at the root that were resolved before: a mutation is done once."""

    def __init__(self, resolved: Mapping[str, Any]) -> None:
        self._resolved = resolved

    def resolve(self, resolver: Callable[..., Any], root: Any, info: Any, **arguments: Any) -> Any:
        """Return what was resolved before, or call the resolver; graphql-core calls it by this."""
        if info.path.prev is None and info.path.key in self._resolved:
            value = self._resolved[info.path.key]
            if isinstance(value, Exception):
                raise value
            return value
        return resolver(root, info, **arguments)
