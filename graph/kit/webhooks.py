"""The port by which mutations check and encrypt what a webhook endpoint is given."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

Field = Sequence[str | int]


class Webhooks(Protocol):
    """The settings and the schema that mutations of webhook endpoints need."""

    def sealed(self, endpoint: UUID, secret: str) -> bytes:
        """Return the secret encrypted for its endpoint."""

    async def require_url(self, url: str, field: Field) -> None:
        """Raise INVALID unless the URL leads to a public server, or to an allowed network."""

    def require_selection(self, selection: str, field: Field) -> None:
        """Raise INVALID unless it is a selection of fields of `ChangeEvent`, within the limits."""
