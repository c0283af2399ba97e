"""Where a request came from, as the record of changes keeps it."""

from dataclasses import dataclass, field
from uuid import UUID

from uuid_utils.compat import uuid7


@dataclass(frozen=True)
class Origin:
    """The request behind a change. `correlation_id` ties together all that one request changed."""

    request_id: str | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    source: str = "api"
    correlation_id: UUID = field(default_factory=uuid7)
