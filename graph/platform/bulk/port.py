"""The port by which jobs run operations of the API, with the limits of a request but its rate."""

from collections.abc import Mapping
from typing import Any, Protocol

from auth.session import ViewerSession
from graph.kit.bulk_checks import Bulk

Content = Mapping[str, Any]
"""A response: `data`, and `errors` if there are any."""


class BulkOperations(Bulk, Protocol):
    """The operations of the schema, as jobs run them."""

    def parsed(self, line: bytes) -> Any:
        """Return the value of a text in JSON, as variables of a request are read. Raises INVALID.

        Raises for what is no JSON, is nested too deep, or has a member twice.
        """

    async def query(
        self, session: ViewerSession, text: str, variables: Mapping[str, Any]
    ) -> Content:
        """Return the answer of a query. Raises BUSY or TIMEOUT where another attempt may help."""

    async def mutate(
        self, session: ViewerSession, text: str, variables: Mapping[str, Any], key: str
    ) -> Content:
        """Return the answer of a mutation: that of the first run with this idempotency key.

        Raises BUSY or TIMEOUT where another attempt may help. The content has no `data` where
        nothing was run, because of the variables.
        """
