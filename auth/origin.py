"""The origin of a request, as the record of changes stores it."""

from dataclasses import dataclass, field
from uuid import UUID

from uuid_utils.compat import uuid7


@dataclass(frozen=True)
class Origin:
    """The request behind a change. `correlation_id` is the same for all changes of one request."""

    request_id: str | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    source: str = "api"
    correlation_id: UUID = field(default_factory=uuid7)
