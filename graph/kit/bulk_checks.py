"""The port by which mutations check the operations that bulk jobs are to run."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from graphql import GraphQLSchema


class Bulk(Protocol):
    """The operations of the schema, as far as the mutations of bulk operations need them."""

    @property
    def schema(self) -> GraphQLSchema:
        """Return the schema of the operations."""

    def require(self, text: str, kind: str, field: Sequence[str | int]) -> None:
        """Raise INVALID unless the text is one valid operation of the kind, within the limits."""

    def declared(self, text: str) -> Mapping[str, bool]:
        """Return the variables that a valid operation declares, and whether each is a list."""
