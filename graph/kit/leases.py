"""Leases: arguments and limits of the mutations by which workers hold what they work on."""

from typing import Annotated
from uuid import UUID

import strawberry

from db.problem import Problem

MIN_LEASE, MAX_LEASE = 5, 3600
"""Seconds of a lease."""
LEASE_SECONDS = f"The time in seconds until the lease expires, {MIN_LEASE} to {MAX_LEASE}."

LeaseId = Annotated[UUID, strawberry.argument(description="The ID of the lease.")]
LeaseSeconds = Annotated[int, strawberry.argument(description=LEASE_SECONDS)]


def require_between(value: float, least: float, most: float, *field: str | int) -> None:
    """Require a value that is not outside of these limits. Raises INVALID for the field."""
    if not least <= value <= most:
        raise Problem("INVALID", f"Must be from {least} to {most}.", field=field)
