"""The limits of each billing plan, in one table."""

from typing import NamedTuple

from db.core.organizations import BillingPlan


class Plan(NamedTuple):
    """The most that an organization may have or do; None is without a limit."""

    members: int | None
    projects: int | None
    monthly_requests: int | None
    storage: int | None = None
    """Bytes."""


GB = 1_000_000_000

PLANS = {
    BillingPlan.FREE: Plan(members=25, projects=20, monthly_requests=100_000, storage=GB),
    BillingPlan.PRO: Plan(members=100, projects=200, monthly_requests=2_000_000, storage=20 * GB),
    BillingPlan.BUSINESS: Plan(
        members=1_000, projects=2_000, monthly_requests=20_000_000, storage=200 * GB
    ),
    BillingPlan.ENTERPRISE: Plan(members=None, projects=None, monthly_requests=None, storage=None),
}


def smaller(one: int | None, other: int | None) -> int | None:
    """Return the smaller of two limits: an organization's own, and its plan's."""
    known = [limit for limit in (one, other) if limit is not None]
    return min(known) if known else None
