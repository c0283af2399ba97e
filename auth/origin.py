"""The origin of a request, as the record of changes stores it."""

from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from uuid_utils.compat import uuid7


@dataclass(frozen=True)
class Origin:
    """The request behind a change."""

    request_id: str | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    source: str = "api"
    correlation: UUID | None = None
    """The correlation ID that the client has chosen, if any."""

    @cached_property
    def correlation_id(self) -> UUID:
        """Return the ID that all changes of this request share; most requests have none."""
        return self.correlation or uuid7()
